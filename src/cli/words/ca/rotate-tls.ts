import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { addServerCommand } from '../server-certificate.js'

/** Adds `fpki ca rotate-tls`. */
export function addRotateTls(ca: Command, io: Io): void {
  addServerCommand(ca, io, {
    name: 'rotate-tls',
    description: 'issue a new key and certificate, tls-crt, for the device gateway',
    file: 'tls-crt',
    host: 'gateway.acme.example',
    run: 'rotateTls',
  })
}

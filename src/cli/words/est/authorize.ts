import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { addServerCommand } from '../server-certificate.js'

/** Adds `fpki est authorize`. */
export function addAuthorize(est: Command, io: Io): void {
  addServerCommand(est, io, {
    name: 'authorize',
    description: 'issue a new key and certificate, est-tls-crt, for the EST server',
    file: 'est-tls-crt',
    host: 'est.acme.example',
    run: 'authorizeEst',
  })
}

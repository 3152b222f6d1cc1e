import { spawn } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { temporaryDirectory } from './cli.js'
import { PATIENT } from './patience.js'

/** Perl is part of every Debian system, and has the datagram sockets that Node has not. */
const SCRIPT = `use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; bind(S, sockaddr_un($ARGV[0])) or die;
  open(my $out, '>>', $ARGV[1]); $out->autoflush(1); while (defined recv(S, my $text, 4096, 0)) { print $out "$text\\n" }`

/** What systemd is to a service: it listens on a socket of its own (sd_notify(3)) until the test ends. */
export async function listeningManager(): Promise<{ readonly socket: string; heard(): Promise<string> }> {
  const folder = await temporaryDirectory()
  const [socket, heard] = [join(folder, 'notify'), join(folder, 'heard')]
  const manager = spawn('perl', ['-MIO::Handle', '-e', SCRIPT, socket, heard], { stdio: 'ignore' })
  onTestFinished(() => {
    manager.kill()
  })
  await vi.waitFor(() => stat(socket), PATIENT)
  return { socket, heard: () => readFile(heard, 'utf8') }
}

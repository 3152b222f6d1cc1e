// npm run bench:backup [rounds]: backup, proof and restore of a PKI with 500 device CAs beside one with a single device CA and
// beside tar and openssl with the same files. Each round runs each command once, so that a busy machine is busy for all.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FPKI = fileURLToPath(new URL('../bin/fpki.js', import.meta.url))
const PASSPHRASE = 'nine lives of a fish'
const COUNT = 500
/** What the issue promises of a backup of 500 device CAs, in ms; a miss is marked, and fails nothing. */
const PROMISED = 5000

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/** Prints all of it; `home` is a folder for it. */
export function benchBackup(home, rounds = 10) {
  const env = { ...process.env, HOME: home, FPKI_PASSPHRASE: PASSPHRASE }
  const run = (program, ...words) => {
    const begin = performance.now()
    const { status, stderr } = spawnSync(program, words, { env, encoding: 'utf8' })
    if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`)
    return performance.now() - begin
  }
  const fpki = (...words) => run(process.execPath, FPKI, 'ca', ...words)
  const at = (name) => join(home, name)
  for (const name of ['backed1', 'backed500']) fpki('create', at(name), '--quiet')
  for (let made = 1; made < COUNT; made++) {
    for (const kind of ['pem', 'key'])
      copyFileSync(join(at('backed500'), `local-ca.${kind}`), join(at('backed500'), `site-${made}.${kind}`))
  }
  const times = {}
  const timed = (name, milliseconds) => {
    times[name] ??= []
    times[name].push(milliseconds)
  }
  for (let round = 0; round < rounds; round++) {
    for (const name of ['backed1', 'backed500']) {
      timed(`backup ${name}`, fpki('backup', at(name), '--out', at('b')))
      // Copies of one device CA are a fault of the directory, which --check tells of with exit 6.
      const begin = performance.now()
      spawnSync(process.execPath, [FPKI, 'ca', 'backup', '--check', at('b')], { env })
      timed(`check ${name}`, performance.now() - begin)
      if (name === 'backed500') times.size = statSync(at('b')).size
      rmSync(at('b'))
    }
    const script =
      'tar -C "$0" -cf "$1" . && openssl cms -encrypt -binary -aes256 -outform der -pwri_password "$2" -in "$1" -out "$3"'
    timed('openssl', run('sh', '-c', script, at('backed500'), at('tar'), PASSPHRASE, at('cms')))
  }
  const of = (name) => median(times[name])
  console.log(`\nbackup of ${COUNT} device CAs, ${rounds} rounds; ${Math.round(times.size / 1024)} KB`)
  for (const name of ['backup', 'check']) {
    const [one, many] = [of(`${name} backed1`), of(`${name} backed500`)]
    const verdict = many < PROMISED ? `promised < ${PROMISED}` : `MISSED ${PROMISED}`
    console.log(
      `${name.padEnd(8)}${many.toFixed(0).padStart(6)} ms (${verdict})  x ${(many / one).toFixed(2)} of one device CA (${one.toFixed(0)} ms)`,
    )
  }
  const ratio = of('backup backed500') / of('openssl')
  console.log(
    `backup takes ${ratio.toFixed(1)} x the time of tar and openssl, which derive a key in 2,048 rounds instead of 600,000`,
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const home = mkdtempSync(join(tmpdir(), 'fpki-bench-'))
  benchBackup(home, Number(process.argv[2] ?? 10))
  rmSync(home, { recursive: true })
}

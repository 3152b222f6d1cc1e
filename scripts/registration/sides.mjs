// What the benches of `fpki devices serve` have in common: a factory, servers on some cores, and rounds in which both sides answer
// the same client in turn, so that a busy machine is busy for both.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const FPKI = fileURLToPath(new URL('../../bin/fpki.js', import.meta.url))

/** Of an even number of values the lower one of the two in the middle: no ratio looks better than it is. */
export const median = (numbers) => numbers.toSorted((a, b) => a - b)[(numbers.length - 1) >> 1]
const percentile = (times, part) => times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? 0

const children = new Set()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** An empty home that is removed at the end, with the directory of the factory acme. */
export function benchHome(name) {
  const home = mkdtempSync(join(tmpdir(), `fpki-bench-${name}-`))
  process.on('exit', () => rmSync(home, { recursive: true }))
  const env = { ...process.env, HOME: home, FPKI_API: 'embedded' }
  const run = (program, ...words) => {
    const { status, stdout, stderr } = spawnSync(program, words, { env, encoding: 'utf8', maxBuffer: 1 << 28 })
    if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`)
    return stdout
  }
  return { home, env, directory: join(home, 'acme'), run, fpki: (...words) => run(process.execPath, FPKI, ...words) }
}

/** Makes server.key and server.pem in a home, and resolves to the certificate. */
export function serverCertificate({ home, run }) {
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(home, 'server.key')]
  run('openssl', 'req', '-x509', ...key, ...name, '-out', join(home, 'server.pem'))
  return readFileSync(join(home, 'server.pem'))
}

/** Starts a program on some cores. */
export function startOn(cores, [program, ...words], options) {
  const child = spawn('taskset', ['-c', cores, program, ...words], options)
  children.add(child)
  return child
}

/**
 * Starts a program for Node on some cores, and waits for its address on stderr. Its log goes to a file, as it would under systemd.
 *
 * @param certificate what clients trust when it serves HTTPS
 */
export async function startNode(cores, words, { home, env, certificate, input = '' }) {
  const stdout = openSync(join(home, 'log'), 'a')
  const child = startOn(cores, [process.execPath, ...words], { env, stdio: ['pipe', stdout, 'pipe'] })
  child.stdin.end(input)
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (more) => {
    text += more
  })
  for (;;) {
    const [, scheme, port] = /\bat (https?):\/\/127\.0\.0\.1:(\d+)/.exec(text) ?? []
    if (port !== undefined) return { child, port: Number(port), ca: scheme === 'https' ? certificate : null }
    if (child.exitCode !== null) throw new Error(`no server: ${text}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export async function stop({ child }) {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill()
  await ended
  children.delete(child)
}

/** Processor time of a process and its threads, in seconds. */
function processorTime({ child }) {
  const [user, system] = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 13)
  return (Number(user) + Number(system)) / 100
}

/**
 * Loads the sides in turn: `once(server, side)` resolves to a run of load.mjs. The first round warms up. Resolves to the runs of
 * each side with their processor time a request. Throws when an answer has another status.
 */
export async function inRounds(name, sides, { rounds, status, once }) {
  const all = Object.fromEntries(Object.keys(sides).map((side) => [side, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const [side, server] of Object.entries(sides)) {
      const before = processorTime(server)
      const run = await once(server, side)
      if (run.lost > 0 || run.statuses[status] !== run.times.length)
        throw new Error(`${name}, ${side}: ${JSON.stringify(run.statuses)}, ${run.lost} without an answer: ${run.last}`)
      if (round > 0) all[side].push({ ...run, cost: (processorTime(server) - before) / run.times.length })
    }
  }
  return all
}

function cell([side, runs]) {
  const times = runs.flatMap((run) => run.times)
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)].map((time) => time.toFixed(1))
  const cost = Math.round(median(runs.map((run) => run.cost * 1e6)))
  const busy = Math.round(100 * median(runs.map((run) => run.busy ?? 0)))
  return `${side} ${Math.round(median(runs.map(({ rate }) => rate)))}/s p50 ${p50} p99 ${p99} ms, ${cost} us each, client ${busy} %`
}

/** Prints the runs of the sides, and the ratio of fpki's to those of `base`, when that is there. */
export function printComparison(name, all, { base, promised }) {
  const cells = Object.entries(all).map(cell)
  const ratios = all[base]?.map((run, round) => all.fpki[round].rate / run.rate) ?? []
  const costs = all[base]?.map((run, round) => run.cost / all.fpki[round].cost) ?? []
  const verdict = promised === undefined ? '' : median(ratios) >= promised ? ` >= ${promised}` : ` MISSED ${promised}`
  const list = ratios.map((ratio) => ratio.toFixed(2)).join(' ')
  const time = costs.length === 0 ? '' : `; processor time ${median(costs).toFixed(2)}`
  const ratio = ratios.length === 0 ? '' : `: ratio ${median(ratios).toFixed(2)}${verdict} (${list}${time})`
  console.log(`${name}${ratio}\n  ${cells.join('\n  ')}`)
}

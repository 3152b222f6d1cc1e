// npm run bench:registration -- --store postgres: one instance, two that share a line, and two that have a line each. The last
// two differ by what it costs that the quota of a line is one row, which each commit locks.
import { load } from './load.mjs'
import { httpRequest } from './requests.mjs'

const CONNECTIONS = 32
const SCENES = [
  { name: 'one instance', lines: [0] },
  { name: 'two instances, one line', lines: [0, 0] },
  { name: 'two instances, a line each', lines: [0, 1] },
]

/**
 * Measures the scenes in turn, in rounds, and prints the registrations a second of each.
 *
 * @param tokens of two lines
 */
export async function compareInstances({ instances, tokens, newBody, rounds, seconds, median }) {
  const rates = SCENES.map(() => [])
  let most = 1000
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [at, { name, lines }] of SCENES.entries()) {
      const work = lines.map((line, instance) => ({
        server: instances[instance],
        requests: Array.from({ length: Math.ceil(most / lines.length) }, () => httpRequest(newBody(), tokens[line])),
      }))
      const options = { connections: CONNECTIONS / lines.length, seconds }
      const runs = await Promise.all(work.map(({ server, requests }) => load(server, requests, options)))
      for (const { lost, statuses, times } of runs)
        if (lost > 0 || statuses[201] !== times.length) throw new Error(`${name}: ${JSON.stringify(statuses)}, ${lost}`)
      const rate = runs.reduce((sum, run) => sum + run.rate, 0)
      most = Math.max(most, Math.ceil(rate * seconds * 2))
      if (round > 0) rates[at].push(rate)
    }
  }
  for (const [at, { name }] of SCENES.entries()) {
    const ratios = rates[at].map((rate, round) => rate / rates[0][round])
    const list = ratios.map((ratio) => ratio.toFixed(2)).join(' ')
    console.log(
      `${name}: ${Math.round(median(rates[at]))}/s, ${median(ratios).toFixed(2)} of one instance on one line (${list})`,
    )
  }
}

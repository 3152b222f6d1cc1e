// Servers alone and at once: what two answer beside one.
import { load } from './load.mjs'
import { median } from './sides.mjs'

/**
 * Measures the scenes in turn, in rounds, and prints what the servers of each answer a second, beside those of the first.
 *
 * @param scenes a name, and in `sides` the servers that are loaded at once, each with `requests(count)`: at most so many requests
 */
export async function compareTogether(scenes, { connections, rounds, seconds }) {
  const rates = scenes.map(() => [])
  let most = 1000
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [at, { name, sides }] of scenes.entries()) {
      const work = sides.map(({ server, requests }) => [server, requests(Math.ceil(most / sides.length))])
      const options = { connections: connections / sides.length, seconds }
      const runs = await Promise.all(work.map(([server, requests]) => load(server, requests, options)))
      for (const { lost, statuses, times } of runs)
        if (lost > 0 || statuses[201] !== times.length) throw new Error(`${name}: ${JSON.stringify(statuses)}, ${lost}`)
      const rate = runs.reduce((sum, run) => sum + run.rate, 0)
      most = Math.max(most, Math.ceil(rate * seconds * 2))
      if (round > 0) rates[at].push(rate)
    }
  }
  for (const [at, { name }] of scenes.entries()) {
    const ratios = rates[at].map((rate, round) => rate / rates[0][round])
    const list = ratios.map((ratio) => ratio.toFixed(2)).join(' ')
    console.log(
      `${name}: ${Math.round(median(rates[at]))}/s, ${median(ratios).toFixed(2)} of ${scenes[0].name} (${list})`,
    )
  }
}

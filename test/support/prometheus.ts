/** One line of a value: the metric, its labels, the value. */
export interface ParsedSample {
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*'
const QUOTED = '"(?:[^"\\\\\\n]|\\\\["\\\\n])*"'
const HELP = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\\\n]|\\\\[\\\\n])+)$`)
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{((?:${LABEL}=${QUOTED})(?:,${LABEL}=${QUOTED})*)\\})? (\\S+)$`)
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]?Inf)$/

/**
 * Reads Prometheus's text format 0.0.4, and throws at anything that its specification does not allow: a value without
 * HELP and TYPE before it, a metric whose lines are not together, the same labels twice, a label twice, an escape that there is
 * none, no line feed at the end. Of what the specification leaves free (spaces, comments, time stamps) only empty lines are allowed.
 */
export function parsePrometheus(text: string): readonly ParsedSample[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed')
  const samples: ParsedSample[] = []
  const begun = new Set<string>()
  const seen = new Set<string>()
  let helped = ''
  let typed = new Set<string>()
  for (const line of text
    .slice(0, -1)
    .split('\n')
    .filter((one) => one !== '')) {
    const [, help] = HELP.exec(line) ?? []
    const [, type, kind = ''] = TYPE.exec(line) ?? []
    if (help !== undefined) helped = once(begun, help)
    else if (type !== undefined) {
      if (type !== helped) throw new Error(`TYPE without its HELP: ${line}`)
      typed = metricsOf(type, kind)
    } else samples.push(parseSample(line, typed, seen))
  }
  return samples
}

/** The metrics of one TYPE line: a histogram has three. */
function metricsOf(name: string, kind: string): Set<string> {
  return new Set(kind === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name])
}

function once(begun: Set<string>, name: string): string {
  if (begun.has(name)) throw new Error(`${name} begins twice`)
  begun.add(name)
  return name
}

function parseSample(line: string, typed: ReadonlySet<string>, seen: Set<string>): ParsedSample {
  const [, metric, pairs = '', value = ''] = SAMPLE.exec(line) ?? []
  if (metric === undefined || !VALUE.test(value)) throw new Error(`no sample: ${line}`)
  if (!typed.has(metric)) throw new Error(`out of its group: ${line}`)
  const all = [...pairs.matchAll(new RegExp(`(${LABEL})=(${QUOTED})`, 'g'))]
  const labels = Object.fromEntries(all.map(([, label = '', quoted = '']) => [label, unescaped(quoted.slice(1, -1))]))
  if (Object.keys(labels).length !== all.length) throw new Error(`a label twice: ${line}`)
  const key = `${metric} ${JSON.stringify(Object.entries(labels).sort())}`
  if (seen.has(key)) throw new Error(`the same labels twice: ${line}`)
  seen.add(key)
  return { metric, labels, value: Number(value) }
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
}

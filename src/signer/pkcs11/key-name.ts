import type { KeyName } from '../../ports.js'

/** The name of a key in messages: its label, or its id if it has no label. */
export function keyName({ label, id }: KeyName): string {
  if (label !== '') return `"${label}"`
  return id === '' ? 'without label and id' : `with the id ${id}`
}

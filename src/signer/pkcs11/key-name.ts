import type { KeyName } from '../../ports.js'

/** A key in a message: its label, or its id where it has no label. */
export function keyName({ label, id }: KeyName): string {
  if (label !== '') return `"${label}"`
  return id === '' ? 'without label and id' : `with the id ${id}`
}

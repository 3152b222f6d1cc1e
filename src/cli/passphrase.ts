import { FpkiError } from '../errors.js'
import type { Passphrases, Progress } from '../ports.js'
import { readSecretFile, secretText } from '../secret.js'
import type { HsmFlags } from './hsm-options.js'
import type { Io } from './output.js'

/**
 * The first place of docs/profile.md#secrets that has a passphrase; looked for when it is needed, and once a
 * command: a second question would be about the same one.
 *
 * @param newFor what a passphrase that is chosen now is for
 */
export function passphrasesOf(
  flags: Pick<HsmFlags, 'passphraseFile' | 'hsmPinFile'>,
  io: Io,
  progress: Progress,
  newFor: 'keys' | 'backup' = 'keys',
): Passphrases {
  const { passphraseFile, hsmPinFile } = flags
  if (passphraseFile === '-' && hsmPinFile === '-' && io.askSecret === null) throw bothOnStdin()
  let answer: Promise<string> | null = null
  const once = (what: string, question: (ask: Ask) => Promise<string>) => {
    const ask = () => (io.askSecret === null ? nobody(what) : question(io.askSecret))
    answer ??= configured(flags, io, progress) ?? ask()
    return answer
  }
  return {
    forExisting: (what) => once(what, (ask) => ask(`Passphrase of ${what}: `)),
    forNew: () => once(`the new ${newFor}`, (ask) => askTwice(ask, newFor)),
    signal: io.signal,
  }
}

type Ask = NonNullable<Io['askSecret']>

/** The passphrase that a flag or the environment gives; null: none. */
function configured(
  { passphraseFile }: Pick<HsmFlags, 'passphraseFile'>,
  io: Io,
  progress: Progress,
): Promise<string> | null {
  // A terminal on stdin would show what is typed; the question does not.
  if (passphraseFile === '-' && io.askSecret !== null) return null
  if (passphraseFile !== undefined) return fromFile(passphraseFile, io, progress)
  const fromEnvironment = io.env['FPKI_PASSPHRASE']
  if (!fromEnvironment) return null
  return Promise.resolve().then(() => secretText(fromEnvironment, 'passphrase', 'FPKI_PASSPHRASE'))
}

async function fromFile(path: string, io: Io, progress: Progress): Promise<string> {
  const { text, isOpenToOthers } = await readSecretFile(path, 'passphrase', io.stdin)
  if (isOpenToOthers) progress.warn(`others can read the passphrase in ${path}; give it mode 0600.`)
  return text
}

/** Nobody sees what they type, and a slip would lock the key away for ever. */
async function askTwice(ask: Ask, newFor: string): Promise<string> {
  const first = await ask(`New passphrase for the ${newFor}, 8 characters or more: `)
  const second = await ask('The same again: ')
  if (first === second) return first
  throw new FpkiError('ERR_PASSPHRASE', 'The two passphrases differ.', 'Nothing was made. Run the same command again.')
}

async function nobody(what: string): Promise<never> {
  throw new FpkiError(
    'ERR_PASSPHRASE',
    `There is no passphrase for ${what}, and no terminal to ask on.`,
    'Give it with --passphrase-file FILE (- is stdin) or FPKI_PASSPHRASE.',
  )
}

function bothOnStdin(): FpkiError {
  const text = 'The PIN and the passphrase are both to come from stdin.'
  return new FpkiError('ERR_USAGE', text, 'Give one of them in a file or in the environment.')
}

import { FpkiError } from '../errors.js'
import type { Passphrases, Progress } from '../ports.js'
import { readableByOthers, readSecretFile, secretText } from '../secret.js'
import type { HsmFlags } from './hsm-options.js'
import type { Io } from './output.js'

/**
 * Reads the passphrase when it is needed, from the first source that has one (docs/profile.md#secrets). It is
 * read once per command, so that a user types it once.
 *
 * @param newFor what a new passphrase protects
 */
export function passphrasesOf(
  flags: Pick<HsmFlags, 'passphraseFile' | 'hsmPinFile'>,
  io: Io,
  progress: Progress,
  newFor: 'keys' | 'backup' | 'sheet' | 'PKCS#12 file' = 'keys',
): Passphrases {
  const { passphraseFile, hsmPinFile } = flags
  if (passphraseFile === '-' && hsmPinFile === '-' && io.askSecret === null) throw bothOnStdin()
  let passphrase: Promise<string> | null = null
  const once = (what: string, question: (ask: Ask) => Promise<string>) => {
    const prompt = () => (io.askSecret === null ? noTerminal(what) : question(io.askSecret))
    passphrase ??= fromFlagOrEnvironment(flags, io, progress) ?? prompt()
    return passphrase
  }
  return {
    forExisting: (what) => once(what, (ask) => ask(`Passphrase for ${what}: `)),
    forNew: () => once(`the new ${newFor}`, (ask) => askTwice(ask, newFor)),
    signal: io.signal,
  }
}

type Ask = NonNullable<Io['askSecret']>

/** null: neither has a passphrase. */
function fromFlagOrEnvironment(
  { passphraseFile }: Pick<HsmFlags, 'passphraseFile'>,
  io: Io,
  progress: Progress,
): Promise<string> | null {
  // Reading a terminal through stdin would echo the passphrase; a prompt does not.
  if (passphraseFile === '-' && io.askSecret !== null) return null
  if (passphraseFile !== undefined) return fromFile(passphraseFile, io, progress)
  const fromEnvironment = io.env['FPKI_PASSPHRASE']
  if (!fromEnvironment) return null
  return Promise.resolve().then(() => secretText(fromEnvironment, 'passphrase', 'FPKI_PASSPHRASE'))
}

async function fromFile(path: string, io: Io, progress: Progress): Promise<string> {
  const { text, isOpenToOthers } = await readSecretFile(path, 'passphrase', io.stdin)
  if (isOpenToOthers) progress.warn(readableByOthers('passphrase', path))
  return text
}

/** Asks twice, because an unnoticed typing error would lock the key away for ever. */
async function askTwice(ask: Ask, newFor: string): Promise<string> {
  const first = await ask(`New passphrase for the ${newFor} (at least 8 characters): `)
  const second = await ask('Repeat the passphrase: ')
  if (first === second) return first
  throw new FpkiError(
    'ERR_PASSPHRASE',
    'The passphrases do not match.',
    'Nothing was created. Run the same command again.',
  )
}

async function noTerminal(what: string): Promise<never> {
  throw new FpkiError(
    'ERR_PASSPHRASE',
    `No passphrase given for ${what}, and there is no terminal to ask on.`,
    'Pass --passphrase-file FILE (- is stdin), or set FPKI_PASSPHRASE.',
  )
}

function bothOnStdin(): FpkiError {
  const text = 'Cannot read both the PIN and the passphrase from stdin.'
  return new FpkiError('ERR_USAGE', text, 'Pass one of them in a file or an environment variable.')
}

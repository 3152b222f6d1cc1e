import { namedFactory } from '../../../config/settings.js'
import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import type { PaperProtection, PrintPaperResult } from '../../../operations/paper/print-paper.js'
import { readSharing } from '../../../operations/paper/sharing.js'
import { readInputFile } from '../../../storage/input-file.js'
import { filePath, resolved } from '../../directory.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'
import { passphrasesOf } from '../../passphrase.js'

/** The flags of `ca paper`. */
export interface PaperFlags extends CommonFlags, Pick<HsmFlags, 'passphraseFile'> {
  readonly out: string
  readonly plain?: true
  readonly shares?: string
  readonly restore?: string
  readonly cert?: string
  readonly encryptKeys?: true
}

/** Far more than any set of sheets contains. */
const MAX_BYTES = 256 * 1024

/** `fpki ca paper [directory]` */
export async function paper(directory: string | undefined, flags: PaperFlags, io: Io): Promise<void> {
  requireOneMode(directory, flags)
  if (flags.restore !== undefined) await restore(flags.restore, flags, io)
  else await print(directory ?? '', flags, io)
}

async function print(directory: string, flags: PaperFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const { printPaper } = await import('../../../operations/paper/print-paper.js')
  const printed = await printPaper(
    {
      directory: resolved(directory, io),
      factory: namedFactory(flags, io.env),
      out: filePath(flags.out, io),
      protection: protectionOf(flags),
    },
    { ...thisMachine(io.machine), progress, passphrases: passphrasesOf(flags, io, progress, 'sheet') },
  )
  if (flags.json) return printJson(io, printed)
  const sheets = printed.files.map((file) => `  ${printable(file)}`)
  if (!flags.quiet) printText(io, `${['Wrote the root key to:', ...sheets, nextStep(printed)].join('\n')}\n`)
}

function nextStep({ needed, files }: PrintPaperResult): string {
  return files.length === 1
    ? 'It contains the key: print it with a browser, test the paper with --restore, then delete the file.'
    : `Any ${needed} of them restore the key: print them with a browser, test ${needed} of the papers with --restore, then delete the files.`
}

function protectionOf({ plain, shares }: PaperFlags): PaperProtection {
  if (plain && shares !== undefined) {
    const hint = 'Pass one of them: --shares splits the secret that encrypts the key, and --plain does not encrypt it.'
    throw new FpkiError('ERR_USAGE', '--plain and --shares cannot be combined.', hint)
  }
  if (shares !== undefined) return { kind: 'shares', ...readSharing(shares) }
  return { kind: plain ? 'plain' : 'passphrase' }
}

async function restore(file: string, flags: PaperFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const { lineProblem, paperProblem, restorePaper } = await import('../../../operations/paper/restore-paper.js')
  const ask = file === '-' ? io.ask : null
  const text =
    ask === null
      ? (await readInputFile(file, MAX_BYTES, io.stdin)).toString('utf8')
      : await typedLines(ask, io, { ofLine: lineProblem, ofAll: paperProblem })
  const restored = await restorePaper(
    {
      text,
      out: filePath(flags.out, io),
      certificate: flags.cert === undefined ? null : filePath(flags.cert, io),
      encrypt: flags.encryptKeys === true,
    },
    { ...thisMachine(io.machine), progress, passphrases: passphrasesOf(flags, io, progress) },
  )
  if (flags.json) return printJson(io, restored)
  const match = restored.checkedAgainst === 'certificate' ? `, and matches ${printable(flags.cert ?? '')}` : ''
  if (!flags.quiet)
    printText(io, `Restored the root key to ${printable(restored.file)}. It signed a test message${match}.\n`)
}

type ProblemOf = (text: string) => string | null

/** Checks each line as it is typed, and all of them at the end, so that a mistake costs one line. */
async function typedLines(
  ask: NonNullable<Io['ask']>,
  io: Io,
  problem: { readonly ofLine: ProblemOf; readonly ofAll: ProblemOf },
): Promise<string> {
  const lines: string[] = []
  for (;;) {
    const line = await ask('Line of the sheet (empty to finish): ')
    const isEnd = line.trim() === ''
    const error = isEnd ? problem.ofAll(lines.join('\n')) : problem.ofLine(line)
    if (error !== null)
      printText(io, `  ${printable(error)}${isEnd ? ' Ctrl-C aborts.' : '; type it again.'}\n`, 'stderr')
    else if (isEnd) return lines.join('\n')
    else lines.push(line)
  }
}

/** Options that are only valid in one mode. */
const OF_RESTORE = [
  ['cert', '--cert'],
  ['encryptKeys', '--encrypt-keys'],
] as const
const OF_PRINTING = [
  ['shares', '--shares'],
  ['plain', '--plain'],
] as const

/** Printing takes a directory, restoring a file. Throws ERR_USAGE for any mixture. */
function requireOneMode(directory: string | undefined, flags: PaperFlags): void {
  const isRestore = flags.restore !== undefined
  if (isRestore === (directory !== undefined)) throw usage('Pass either a PKI directory to print, or --restore FILE.')
  const stray = (isRestore ? OF_PRINTING : OF_RESTORE).find(([name]) => flags[name] !== undefined)
  if (stray !== undefined)
    throw usage(isRestore ? `${stray[1]} and --restore are mutually exclusive.` : `${stray[1]} requires --restore.`)
  const isStdinTwice = flags.restore === '-' && flags.passphraseFile === '-'
  if (isStdinTwice) throw usage('Cannot read both the lines and the passphrase from stdin.')
}

function usage(text: string): FpkiError {
  return new FpkiError('ERR_USAGE', text, 'See `fpki ca paper --help`.')
}

import * as z from 'zod/mini'
import { ABANDON, CREATE, ROOT_CSR_COMMAND } from './commands.js'
import { recordedTime, restored } from './records.js'

/** What a journal records is read back as hostile input: every text has a limit. */
const text = z.string().check(z.maxLength(4096))
const pem = z.string().check(z.maxLength(2 * 1024 * 1024))
const fingerprint = z.string().check(z.regex(/^[0-9a-f]{64}$/))
const decimal = z.string().check(z.regex(/^\d{1,64}$/))
/** A name in a folder, which leads out of none. */
const fileName = z.string().check(z.regex(/^(?!\.{1,2}$)[^/\0]{1,255}$/))
const few = z.maxLength(1000)

/** The token that a command was started with, and the key in it; null: not given, or the default key. */
const token = z.strictObject({
  module: text,
  tokenLabel: z.nullable(text),
  tokenSerial: z.nullable(text),
  key: z.nullable(z.strictObject({ label: z.nullable(text), id: z.nullable(text) })),
})

/** See {@link token}. */
export type RecordedHsm = z.infer<typeof token>

const newRoot = [
  z.strictObject({ kind: z.literal('new-file'), encrypt: z.boolean() }),
  z.strictObject({ kind: z.literal('new-token'), hsm: token, curve: z.enum(['P-256', 'P-384']) }),
] as const

/** An existing root; `file`: its key is in factory_ca.key, or is copied there from the file that the user passes. */
const existingRoot = z.strictObject({
  kind: z.literal('existing'),
  certificateFile: text,
  key: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('file'), encrypt: z.boolean() }),
    z.strictObject({ kind: z.literal('token'), hsm: token }),
  ]),
})

const localCa = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('file'), encrypt: z.boolean() }),
  z.strictObject({ kind: z.literal('token') }),
])

/** How a device CA is reported to the user. */
export const reportedCas = z.array(
  z.strictObject({
    /** Decimal. */
    serial: decimal,
    subject: text,
    role: z.enum(['online-ca', 'local-ca']),
    /** In the PKI directory; null: none. */
    file: z.nullable(text),
    notAfter: text,
  }),
)

/** See {@link reportedCas}. */
export type ReportedCas = z.infer<typeof reportedCas>

const step = z.strictObject({ name: text, state: z.enum(['pending', 'started', 'done']) })

/** A command's journal: its options, its progress, and the facts from its steps; nothing secret. */
function journalOf<Command extends string, Options extends z.core.$ZodShape, Facts extends z.core.$ZodShape>(
  command: Command,
  { options, facts }: { readonly options: Options; readonly facts: Facts },
) {
  return z.strictObject({
    version: z.literal(1),
    command: z.literal(command),
    /** The same command with the same options resumes it; any other is refused. */
    options: z.strictObject(options),
    startedAt: recordedTime,
    /** null: the command has not finished. */
    finishedAt: z.nullable(recordedTime),
    steps: z.array(step).check(few),
    /** By the step that recorded them; later steps read them. */
    facts: z.partial(z.strictObject(facts)),
    restored,
  })
}

const rootCsrJournal = journalOf(ROOT_CSR_COMMAND, {
  options: { factory: text, root: z.discriminatedUnion('kind', newRoot) },
  facts: { key: z.strictObject({ rootKey: fingerprint }) },
})

const createJournal = z.extend(
  journalOf(CREATE, {
    options: {
      factory: text,
      /** The name of the Factory API. */
      api: text,
      onlineCa: z.boolean(),
      tlsNames: z.array(text).check(few),
      root: z.discriminatedUnion('kind', [...newRoot, existingRoot]),
      localCa,
    },
    facts: {
      keys: z.strictObject({ rootKey: fingerprint, localCaKey: z.nullable(fingerprint) }),
      requests: z.strictObject({ userId: z.nullable(text), tlsCsr: pem, caCsr: z.nullable(pem) }),
    },
  }),
  /** The finished `ca root-csr` whose key is used. */
  { rootCsr: z.optional(rootCsrJournal) },
)

const importRootJournal = journalOf('ca import-root', {
  options: { removeKey: z.boolean(), hsm: token },
  facts: {},
})

const crossSignJournal = journalOf('ca cross-sign', {
  /** The other PKI directory, absolute. */
  options: { with: text },
  facts: {},
})

const renewRootJournal = journalOf('ca renew-root', {
  /** The fingerprint of the certificate that is renewed. */
  options: { renews: fingerprint },
  facts: {},
})

const ofFactory = { factory: text, api: text }

function serverJournal<Command extends string>(command: Command) {
  return journalOf(command, {
    options: { ...ofFactory, tlsNames: z.array(text).check(few) },
    facts: { request: z.strictObject({ csr: pem }) },
  })
}

const addDeviceCaJournal = journalOf('ca add-device-ca', {
  options: {
    ...ofFactory,
    onlineCa: z.boolean(),
    localCa: z.boolean(),
    localCaFilename: z.nullable(fileName),
    crlSign: z.boolean(),
  },
  facts: {
    keys: z.strictObject({
      caCsr: z.nullable(pem),
      userId: z.nullable(text),
      localCaKey: z.nullable(fingerprint),
    }),
  },
})

function crlJournal<Command extends string>(command: Command) {
  return journalOf(command, {
    options: { ...ofFactory, caSerials: z.array(decimal).check(few) },
    facts: { crl: z.strictObject({ deviceCas: reportedCas.check(few), crl: pem }) },
  })
}

const changes = [
  serverJournal('ca rotate-tls'),
  serverJournal('est authorize'),
  addDeviceCaJournal,
  crlJournal('ca revoke-device-ca'),
  crlJournal('ca disable-device-ca'),
  crlJournal('ca enable-device-ca'),
] as const

/** Commands that sign for roots, and use no Factory API. */
const ofRoots = [crossSignJournal, renewRootJournal] as const

/** Every command that can be abandoned. */
const abandonable = z.discriminatedUnion('command', [
  createJournal,
  rootCsrJournal,
  importRootJournal,
  ...ofRoots,
  ...changes,
])

/** All that abandoning does is decided before anything moves. */
const abandonJournal = journalOf(ABANDON, {
  options: {
    journal: abandonable,
    /** The folder in `.fpki/abandoned/`. */
    folder: z.string().check(z.regex(/^[\w-]{1,255}$/)),
    /** Files of the PKI directory, and of `.fpki/pending/`, that are moved. */
    inPlace: z.array(fileName).check(few),
    pending: z.array(fileName).check(few),
    /** state.json is older than the command, and stays. */
    keepsState: z.boolean(),
  },
  facts: {},
})

/** The record in `.fpki/journal.jsonl` of the command that last changed a PKI directory. */
export const journal = z.discriminatedUnion('command', [
  createJournal,
  rootCsrJournal,
  importRootJournal,
  ...ofRoots,
  ...changes,
  abandonJournal,
])

/** See {@link journal}. */
export type Journal = z.infer<typeof journal>

/** A command that has a journal. */
export type JournalledCommand = Journal['command']

/** The journal of one command. */
export type JournalOf<Command extends JournalledCommand> = Extract<Journal, { readonly command: Command }>

/** What a command's journal records of its options. */
export type OptionsOf<Command extends JournalledCommand> = JournalOf<Command>['options']

/** The token that a journal names; null: none. */
export function hsmOfJournal({ options }: Journal): RecordedHsm | null {
  if ('hsm' in options) return options.hsm
  if (!('root' in options)) return null
  const { root } = options
  if (root.kind === 'new-token') return root.hsm
  return root.kind === 'existing' && root.key.kind === 'token' ? root.key.hsm : null
}

/** The facts from the steps of a command, by step name. */
export type FactsOf<Command extends JournalledCommand> = {
  readonly [Step in keyof JournalOf<Command>['facts'] as string extends Step ? never : Step]-?: NonNullable<
    JournalOf<Command>['facts'][Step]
  >
}

/** Any journal that can be abandoned. */
export type AbandonableJournal = z.infer<typeof abandonable>

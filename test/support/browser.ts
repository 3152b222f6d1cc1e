import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { inject } from 'vitest'

/** How a page is shown. */
export interface View {
  readonly width: number
  readonly scheme: 'light' | 'dark'
  readonly media: 'screen' | 'print'
}

/** A browser that was started once, with one tab. */
export interface Browser {
  /** Opens a file as `view` says. Resolves to the URLs that the browser has asked for. */
  open(file: string, view: View): Promise<readonly string[]>
  /** Evaluates an expression in the page, and gives its value, which must be JSON. */
  evaluate<T>(expression: string): Promise<T>
  /** Prints the page to PDF, with the size that it asks for. */
  pdf(): Promise<Uint8Array>
  close(): Promise<void>
}

type Answer = { readonly id?: number; readonly method?: string; readonly params?: never; readonly error?: unknown } & {
  readonly result?: Record<string, unknown>
}

/** Starts a browser, and speaks with it in the DevTools protocol over two pipes. Several tests of a file may use it. */
export async function startBrowser(): Promise<Browser> {
  const folder = await mkdtemp(join(inject('originals'), 'browser-'))
  const words = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', '--hide-scrollbars']
  const place = `--user-data-dir=${join(folder, 'profile')}`
  const process = spawn('chromium', [...words, place, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...globalThis.process.env, HOME: folder },
  })
  const ended = once(process, 'exit')
  const client = talk(process.stdio[3] as Writable, process.stdio[4] as Readable, ended)
  const { targetId } = await client.send('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await client.send('Target.attachToTarget', { targetId, flatten: true })
  const send = (method: string, params: object = {}) => client.send(method, params, sessionId as string)
  for (const domain of ['Page', 'Network', 'Runtime']) await send(`${domain}.enable`)
  return {
    open: async (file, { width, scheme, media }) => {
      const requests: string[] = []
      client.onRequest = (url) => requests.push(url)
      const features = [{ name: 'prefers-color-scheme', value: scheme }]
      await send('Emulation.setDeviceMetricsOverride', {
        width,
        height: 900,
        deviceScaleFactor: 1,
        mobile: width < 500,
      })
      await send('Emulation.setEmulatedMedia', { media, features })
      const loaded = client.waitFor('Page.loadEventFired')
      await send('Page.navigate', { url: `file://${file}` })
      await loaded
      return requests
    },
    evaluate: async <T>(expression: string) => {
      const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, returnByValue: true })
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
      return (result as { readonly value: T }).value
    },
    pdf: async () => {
      const { data } = await send('Page.printToPDF', { preferCSSPageSize: true, printBackground: true })
      return Buffer.from(data as string, 'base64')
    },
    close: async () => {
      await client.send('Browser.close')
      await ended
    },
  }
}

function talk(input: Writable, output: Readable, ended: Promise<unknown>) {
  const waiting = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>()
  const events = new Map<string, () => void>()
  const client = {
    onRequest: (_: string): unknown => undefined,
    waitFor: (event: string) => new Promise<void>((resolve) => events.set(event, resolve)),
    send: (method: string, params: object = {}, sessionId?: string) =>
      new Promise<Record<string, unknown>>((resolve, reject) => {
        const id = waiting.size + 1
        waiting.set(id, { resolve, reject })
        input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
      }),
  }
  const take = (text: string) => {
    const { id, method, params, result, error }: Answer = JSON.parse(text)
    if (method === 'Network.requestWillBeSent')
      client.onRequest((params as unknown as { readonly request: { readonly url: string } }).request.url)
    if (method !== undefined) events.get(method)?.()
    if (id === undefined) return
    if (error === undefined) waiting.get(id)?.resolve(result ?? {})
    else waiting.get(id)?.reject(new Error(JSON.stringify(error)))
  }
  let rest = ''
  output.setEncoding('utf8')
  output.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\0')
    rest = parts.pop() ?? ''
    for (const part of parts) take(part)
  })
  void ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the browser has ended'))
  })
  return client
}

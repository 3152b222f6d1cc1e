import type { FastifyReply } from 'fastify'
import type { Fault } from './faults.js'

/** Injects a fault instead of handling the request; false when the request is to be handled. */
export function injectFaultBefore(fault: Fault | null, reply: FastifyReply): boolean {
  switch (fault?.kind) {
    case '500':
      reply.code(500).send({ msg: 'a fault injected with --fault' })
      return true
    case '429':
      reply.code(429).header('Retry-After', '1').send({ msg: 'a fault injected with --fault' })
      return true
    case 'html':
      reply.code(200).type('text/html').send('<!doctype html><title>A fault injected with --fault</title>')
      return true
    case 'cut-before':
      cut(reply)
      return true
    default:
      return false
  }
}

/** Injects a fault into the response; false when it is to be sent unchanged. */
export async function injectFaultAfter(fault: Fault | null, reply: FastifyReply): Promise<boolean> {
  if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.seconds * 1000).unref())
  if (fault?.kind !== 'cut-after') return false
  cut(reply)
  return true
}

function cut(reply: FastifyReply): void {
  reply.hijack()
  reply.raw.destroy()
}

import type { FastifyReply } from 'fastify'
import type { Fault } from './faults.js'

/** Does what a fault does in the place of the work; false: the work is to be done. */
export function injectFaultBefore(fault: Fault | null, reply: FastifyReply): boolean {
  switch (fault?.kind) {
    case '500':
      reply.code(500).send({ msg: 'a fault that was ordered with --fault' })
      return true
    case '429':
      reply.code(429).header('Retry-After', '1').send({ msg: 'a fault that was ordered with --fault' })
      return true
    case 'html':
      reply.code(200).type('text/html').send('<!doctype html><title>A fault that was ordered with --fault</title>')
      return true
    case 'cut-before':
      cut(reply)
      return true
    default:
      return false
  }
}

/** Does what a fault does to the answer; false: it is to be sent as it is. */
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

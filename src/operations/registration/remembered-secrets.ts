import type { KeyAccess } from '../../keystore/root-key.js'

/**
 * Access to keys that asks for each secret once: a key that is opened again, because its token was unplugged, must not need
 * somebody at the terminal. The PIN of an open token is in memory anyway.
 */
export function askingOnce(access: KeyAccess): KeyAccess {
  const { passphrases, login } = access
  const [pins, existing] = [new Map<string, Promise<string>>(), new Map<string, Promise<string>>()]
  return {
    ...access,
    passphrases: passphrases && {
      ...passphrases,
      forExisting: (what) => once(existing, what, passphrases.forExisting),
    },
    login: login && { ...login, pin: (token) => once(pins, token, login.pin) },
  }
}

/** Ports whose access to keys, if there is any, asks once. */
export function withAccessAskingOnce<Ports extends { readonly access?: KeyAccess }>(ports: Ports): Ports {
  return ports.access === undefined ? ports : { ...ports, access: askingOnce(ports.access) }
}

/** An error is not an answer. */
function once(
  answers: Map<string, Promise<string>>,
  question: string,
  ask: (question: string) => Promise<string>,
): Promise<string> {
  const cached = answers.get(question)
  if (cached !== undefined) return cached
  const answer = ask(question)
  answers.set(question, answer)
  answer.catch(() => answers.delete(question))
  return answer
}

import { dirname, join, normalize } from 'node:path'

/** Texts of the repository by their paths in it. */
export type Texts = ReadonlyMap<string, string>

/** A document that a text names: a link in Markdown, or a path in a sentence, a comment or a message. */
interface Citation {
  /** As written. */
  readonly target: string
  /** Empty: the text itself. */
  readonly path: string
  /** null: the whole document. */
  readonly anchor: string | null
  /** A link is relative to its document; a path in words may also be one of the repository. */
  readonly isLink: boolean
}

/**
 * The citations in `texts` that lead nowhere, as `FILE: TARGET`. Each must name a file of the repository, and its anchor
 * a heading or an `<a id>` of a document there.
 *
 * @param isThere is there a file or folder with this path in the repository?
 */
export function brokenCitations(texts: Texts, isThere: (path: string) => boolean): readonly string[] {
  return [...texts].flatMap(([file, text]) =>
    citationsIn(file, text)
      .filter(
        (citation) =>
          !placesOf(file, citation).some((place) => isThere(place) && hasAnchor(texts.get(place), citation)),
      )
      .map(({ target }) => `${file}: ${target}`),
  )
}

/**
 * What links can name in a document. One with anchors of its own (`<a id>`) promises these alone, because its headings may
 * be reworded; in any other, headings count as GitHub turns them into anchors.
 */
export function anchorsOf(text: string): readonly string[] {
  const words = withoutBlocks(text)
  const own = [...words.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)
  if (own.length > 0) return own
  const headings = [...words.matchAll(/^#{1,6} +(.*?)[ #]*$/gm)].map(([, heading = '']) => slugOf(heading))
  // GitHub numbers headings that are the same.
  return headings.map((slug, at) => {
    const before = headings.slice(0, at).filter((earlier) => earlier === slug).length
    return before === 0 ? slug : `${slug}-${before}`
  })
}

function slugOf(heading: string): string {
  const words = heading.replace(/<[^>]*>/g, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
  return words
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-')
}

/** Blocks are programs and output: a `#` begins no heading there. */
function withoutBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '')
}

/** A document named in words; not a part of an address, a template or a pattern. */
const MENTION = /(?<![\w./:*}\\-])(?:[\w-]+\/|\.\.?\/)*[\w-]+\.md(?:#[\w-]+)?(?!\w)/g
const LINK = /\]\(([^)\s]+)[^)]*\)/g

function citationsIn(file: string, text: string): readonly Citation[] {
  const isDocument = file.endsWith('.md')
  const links = isDocument ? [...withoutBlocks(text).matchAll(LINK)].map(([, link = '']) => link) : []
  // A link in code is one of a page that it makes, where it is looked at.
  const words = text.replace(LINK, ']')
  return [
    ...links.filter((link) => !/^[a-z]+:/.test(link)).map((link) => citation(link, true)),
    ...[...words.matchAll(MENTION)].map(([mention]) => citation(mention, false)),
  ]
}

function citation(target: string, isLink: boolean): Citation {
  const [path = '', anchor = null] = target.split('#')
  return { target, path, anchor, isLink }
}

function placesOf(file: string, { path, isLink }: Citation): readonly string[] {
  if (path === '') return [file]
  const beside = normalize(join(dirname(file), path))
  if (isLink) return [beside]
  return file.endsWith('.md') || path.startsWith('.') ? [beside, path] : [path]
}

function hasAnchor(text = '', { anchor }: Citation): boolean {
  return anchor === null || anchorsOf(text).includes(anchor)
}

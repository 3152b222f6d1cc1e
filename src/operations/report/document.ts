import type { CertificateState, Hierarchy, HierarchyCertificate } from '../show/hierarchy.js'
import type { SectionId } from './evidence.js'

/** A text, and how it looks: as code, in the colour of a state, or as prose whose commands are between backticks. */
export interface Cell {
  readonly text: string
  readonly style?: 'code' | 'prose' | CertificateState
}

/** A name and its value. */
export type Fact = readonly [name: string, value: Cell]

/** A part of a section, which each format renders. */
export type Block =
  /** Prose. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'facts'; readonly facts: readonly Fact[] }
  | { readonly kind: 'table'; readonly columns: readonly string[]; readonly rows: readonly (readonly Cell[])[] }
  | { readonly kind: 'record'; readonly title: Cell; readonly facts: readonly Fact[] }
  | { readonly kind: 'picture'; readonly hierarchy: Hierarchy }
  | { readonly kind: 'timeline'; readonly at: string; readonly rows: readonly HierarchyCertificate[] }

/** A section of a report. */
export interface Section {
  readonly id: SectionId
  readonly title: string
  readonly blocks: readonly Block[]
}

/** A report as every format renders it. */
export interface ReportDocument {
  readonly title: string
  readonly sections: readonly Section[]
}

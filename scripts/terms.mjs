// The words and phrases that fpki does not use, each with what to write instead. `node scripts/language.mjs` reports them.
// The first is a regular expression, in upper and lower case. One without look-around matches
// whole words.

/** A space, or the end of a line in Markdown. */
const phrase = (words) => words.replaceAll(' ', '\\s+')

export const TERMS = [
  ['on-line', 'online'],
  ['off-line', 'offline'],

  // Words for what a program does not do.
  [phrase('(?<!\\bthere )\\b(?:is|are|was) none\\b'), 'there is no …'],
  [phrase('(?<!there )\\b(?:is|are|was|were) no (?!longer\\b|more\\b)'), 'is not a …'],
  [phrase('(?:does not|do not|did not|doesn’t) hold'), 'is not valid'],
  // "cannot be opened" is English; with these words it is not.
  [
    phrase('(?:cannot|could not) be (?:had|gone|listened|spoken|told|said|come|looked)'),
    'cannot <verb>, in the active voice',
  ],
  [phrase('(?:it )?is not said'), 'no … given'],
  [phrase('(?:be|is|are|was|were) said'), 'is given'],
  ['told', 'reported, given or set'],
  [phrase('as ever'), 'as usual'],
  ['(?<![-\\w])comes\\b(?!\\s+(?:from|with)\\b)', 'is, follows or arrives'],
  ['came', 'was added, followed or arrived'],
  [phrase('speaks? to'), 'connects to or uses'],

  // The journal of a command.
  [phrase('(?:go|goes|gone|went|going) on with'), 'resume'],
  [phrase('gives? up'), 'abandon'],
  [phrase('given up'), 'discarded'],
  ['undone', 'rolled back'],
  [phrase('half done'), 'incomplete'],
  [phrase('nothing is open'), 'nothing to resume'],
  [phrase('bring(?:s|ing)? (?:\\S+ ){1,4}to (?:its|their|an) end'), 'finish'],
  [phrase('what was kept behind'), 'snapshot'],

  // Phrases that a native speaker has to translate.
  [phrase('listened at'), 'listen on'],
  [phrase('there are left'), 'remain'],
  [phrase('wants? to be'), 'needs'],
]

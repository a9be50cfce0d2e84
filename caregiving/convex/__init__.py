"""Moving over from Convex: the people of the original system, out of a snapshot of its tables.

`snapshot` reads the ZIP, `documents` a document, `merging` decides what is newer, `people`,
`scores` and `texts` write a batch each, `importing` goes through the tables. Once nobody comes from
Convex any more, the package goes, with its two tables.
"""

"""The weekly report: a week's outreach in numbers beside the week before, by email and as a page.

`weeks` says which week, `measuring` counts it, `remembering` keeps what was counted, `presenting`
puts it into words, `charts` draws it, `mailing` sends it on Monday morning. No part of it is about
a single person.
"""

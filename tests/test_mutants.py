"""Every way to break the system on purpose still fits the code. `make mutants` tries each out."""

import pytest

from tests.chaos.mutants import MUTANTS, ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_changes_stands_in_the_code_once_and_compiles_afterwards(mutant):
    changed = {}
    for file, before, after in mutant.changes:
        text = changed.get(file) or (ROOT / file).read_text()
        assert text.count(before) == 1, f"{file} has changed, mend tests/chaos/mutants.py"
        changed[file] = text.replace(before, after)

    for file, text in changed.items():
        assert text != (ROOT / file).read_text()
        compile(text, file, "exec")


def test_each_mutant_has_a_name_of_its_own_and_all_but_the_first_change_something():
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names)
    assert [mutant.name for mutant in MUTANTS if not mutant.changes] == names[:1]

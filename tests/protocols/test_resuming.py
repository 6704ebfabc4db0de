"""What the steps of a protocol depend on: the roles and the content of its inputs, not their number."""

from pyworkflow.object import Pointer

from xmipptomo.protocols.shared.program_steps import depends_on


def test_roles_and_contents_of_sets_count(sets):
    tomograms = sets.tomograms({"TS_1": (30, 30, 30)}, 10.0)
    one, two = (sets.coordinates(tomograms, {"TS_1": [[x, 10, 10]]}) for x in (10, 20))
    for number, coordinates in enumerate((one, two), start=1):
        coordinates.setObjId(number)
    first, second = Pointer(one), Pointer(two)
    seen = {
        depends_on({"pickers": pickers, "positive": positive}, {})
        for pickers, positive in (([first, second], []), ([first], [second]), ([second, first], []))
    }
    assert len(seen) == 3
    before = depends_on({"pickers": [first]}, {})
    assert before == depends_on({"pickers": [Pointer(one)]}, {})
    two.setObjId(1)  # as many coordinates of a protocol that was run again
    assert before != depends_on({"pickers": [Pointer(two)]}, {})


def test_files_count_by_their_content(tmp_path):
    model = tmp_path / "model.h5"
    model.write_bytes(b"one")
    before = depends_on({}, {}, [str(model)])
    model.write_bytes(b"two")
    assert before != depends_on({}, {}, [str(model)])

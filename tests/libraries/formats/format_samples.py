"""The same pick as each format states it: the voxel of index 10, 20, 30 of tomogram TS_1, of SIZE voxels of RATE Å."""

import json
from pathlib import Path

import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.formats.registry import Context, TomogramInfo, read

RATE, SIZE = 7.5, (961, 928, 301)  # odd and even edges: halves that are whole or not


def context(*ids: str, rate: float = RATE, size: tuple[int, int, int] | None = SIZE, **more) -> Context:
    """Tomograms at hand, TS_1 if none is named."""
    return Context({tomo_id: TomogramInfo(tomo_id, rate, size) for tomo_id in ids or ("TS_1",)}, **more)


def refusal(path: Path, *args, **kwargs) -> str:
    """What reading a file is refused with: one line that names it."""
    with pytest.raises(InputError) as caught:
        read(path, *args, **kwargs)
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    return message


def star(block: str, labels: str, *rows: str) -> str:
    """A STAR table; the labels without their prefix rln, separated by blanks."""
    names = [
        f"_{label if label[0] == '!' else 'rln' + label} #{i}".replace("!", "") for i, label in enumerate(labels.split(), start=1)
    ]
    return "\n".join([f"data_{block}", "", "loop_", *names, *rows, "", ""])


XYZ = "CoordinateX CoordinateY CoordinateZ"
CENTRED = " ".join(f"CenteredCoordinate{axis}Angst" for axis in "XYZ")
SHIFTS = "OriginXAngst OriginYAngst OriginZAngst"
KNOWN = {
    "TS_1.cbox": "data_global\n\n_cbox_format_version 1.0\n\n"
    + star("cryolo", "!CoordinateX !CoordinateY !CoordinateZ !Width !Height !Confidence", "2 12 30 16 16 <NA>")
    + star("cryolo_include", "!slice_index", "30"),
    "TS_1.coords": "10 20 30\n",
    "TS_1.txt": "# x, y, z\n10.0, 20.0, 30.0\n",
    "objects.xml": '<objlist><object tomo_idx="0" class_label="2" x="10" y="20" z="30"/></objlist>',
    "session.xml": '<Session><Param Name="TomogramPath" Value="Z:\\x\\TS_1_bin4.rec"/><PointGroups><Group Name="PSII">'
    '<Point ID="1" Position="75,150,225" Orientation="1,0,0"/></Group></PointGroups></Session>',
    "TS_1_info.json": json.dumps(
        {"apix_unbin": 2.5, "boxes_3d": [[-1410, -1332, -360, "tm", 0.5, 0]], "class_list": {"0": {"name": "ribosome"}}}
    ),
    "old_info.json": json.dumps({"boxes_3d": [[10, 20, 30, "manual", 0.0, 0]]}),
    "r3.star": star("", f"MicrographName {XYZ} OriginX OriginY OriginZ", "folder/TS_1.mrc 11 22 33 1 2 3"),
    "r31.star": star("optics", "OpticsGroup ImagePixelSize", "1 7.5")
    + star("particles", f"MicrographName {XYZ} {SHIFTS} OpticsGroup", "TS_1.tomostar 11 21 31 7.5 7.5 7.5 1"),
    "r5.star": star("particles", f"TomoName {CENTRED}", "TS_1 -3528.75 -3330 -903.75"),
    "pytom.star": star("", f"{XYZ} LCCmax DetectorPixelSize MicrographName", "10 20 30 0.25 7.5 TS_1"),
    "t.tbl": " ".join(["1"] * 3 + ["0.5"] * 3 + ["0"] * 13 + ["1"] + ["0"] * 3 + ["10", "20", "30"] + ["0"] * 9) + "\n",
    "picks.json": json.dumps(
        {
            "pickable_object_name": "a",
            "run_name": "TS_1",
            "voxel_spacing": 7.5,
            "unit": "angstrom",
            "points": [{"location": {"x": 75, "y": 150, "z": 225}, "instance_id": 0}],
        }
    ),
    "p.ndjson": json.dumps({"type": "point", "location": {"x": 10, "y": 20, "z": 30}}) + "\n",
    "p.csv": "tomo_id,x,y,z\nTS_1,10,20,30\n",
    # made with cryoCAT 0.7.1, StopgapMotl.write_out, of orientations that it took from RELION's 10 70 30
    "stopgap.star": "\ndata_stopgap_motivelist\n\nloop_\n_motl_idx\n_tomo_num\n_object\n_subtomo_num\n_halfset\n_orig_x\n"
    "_orig_y\n_orig_z\n_score\n_x_shift\n_y_shift\n_z_shift\n_phi\n_psi\n_the\n_class\n\n"
    "1\t4\t3\t1\tB\t11\t21\t31\t0.5\t0\t0\t0\t-100.0\t60.0\t-70.0\t2\n",
    "challenge.csv": "id,experiment,particle_type,x,y,z\n0,TS_1,ribosome,75.0,150.0,225.0\n",
    # made with pytme 0.3.6, Orientations.to_file
    "TS_1.tsv": "x\ty\tz\teuler_x\teuler_y\teuler_z\tscore\tdetail\n10.0\t20.0\t30.0\t10.0\t70.0\t30.0\t0.5\t-1\n",
    "particles.xml": '<ParticleList>\n<Particle Filename="p1.em">\n<Rotation X="-70" Paradigm="ZXZ" Z1="-100" Z2="60"/>\n'
    '<Shift Y="0" X="-0.5" Z="1"/>\n<PickPosition Origin="/data/TS_1.em" X="10.5" Y="20" Z="29"/>\n'
    '<Score Type="FLCFScore" Value="0.5"/>\n</Particle>\n</ParticleList>\n',
    "ptm.star": star(
        "",
        " ".join(
            f"!ptm{label}"
            for label in (
                "MicrographName",
                "CoordinateX",
                "CoordinateY",
                "CoordinateZ",
                "AngleRot",
                "AngleTilt",
                "AnglePsi",
                "LCCmax",
                "DetectorPixelSize",
            )
        ),
        "TS_1 10 20 30 10 70 30 0.5 7.5",
    ),
    # made with napari 0.9.2, napari_builtins.io.napari_write_points
    "points_TS_1.csv": "index,axis-0,axis-1,axis-2,score\n0.0,30.0,20.0,10.0,0.5\n",
    "TS_1.cmm": '<marker_set name="marker set 1">\n<marker id="1" x="75.0" y="150.0" z="225.0" radius="50"/>\n</marker_set>\n',
    "m.star": star(
        "particles",
        " ".join(
            f"!wrp{label}"
            for label in ("CoordinateX1", "CoordinateY1", "CoordinateZ1", "AngleRot1", "AngleTilt1", "AnglePsi1", "SourceName")
        ),
        "75.0 150.0 225.0 10 70 30 TS_1.tomostar",
    ),
}

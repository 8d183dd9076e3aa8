"""make_data.py - writes the data files that run.sh uses, with plain Python: make_data.py FOLDER.

Three well separated clusters (600 rows, 4 columns) in several formats and types, and files that are wrong in one way
each.
"""
import os
import random
import struct
import sys
import zipfile

ROWS, DIMS = 600, 4
CENTRES = [(0.0, 0.0, 0.0, 0.0), (40.0, 0.0, 20.0, 0.0), (0.0, 60.0, 0.0, 30.0)]


def npy(descr, shape, data, version=1):
    """The bytes of a .npy file whose header says descr and shape, whatever data is."""
    text = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text.encode() + data


def main(folder):
    def write(name, data):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)

    draw = random.Random(1)
    rows = [[60 + c + draw.gauss(0, 1) for c in CENTRES[i % 3]] for i in range(ROWS)]
    flat = [value for row in rows for value in row]
    shape = "(%d, %d)" % (ROWS, DIMS)
    f4 = struct.pack("<%df" % len(flat), *flat)

    write("rows.npy", npy("<f4", shape, f4))
    write("rows_f8.npy", npy("<f8", shape, struct.pack("<%dd" % len(flat), *flat)))
    # Seconds since 1970 of three groups a minute apart; and the clusters where float32's squares are none.
    stamps = [1.7e9 + 60 * (i % 3) + draw.gauss(0, 1) for i in range(ROWS)]
    write("stamps.npy", npy("<f8", "(%d, 1)" % ROWS, struct.pack("<%dd" % ROWS, *stamps)))
    write("tiny.npy", npy("<f8", shape, struct.pack("<%dd" % len(flat), *[value * 2.0**-200 for value in flat])))
    write("rows.fvecs", b"".join(struct.pack("<i%df" % DIMS, DIMS, *row) for row in rows))
    write("rows.bvecs", b"".join(struct.pack("<i%dB" % DIMS, DIMS, *[int(value) for value in row]) for row in rows))
    write("rows.fbin", struct.pack("<II", ROWS, DIMS) + f4)
    write("rows.csv", "".join(",".join("%.9g" % value for value in row) + "\n" for row in rows).encode())
    # Two columns in half precision: three tilted clusters.
    plane = []
    for i in range(ROWS):
        across, along = draw.gauss(0, 1), draw.gauss(0, 1)
        plane += [20 * (i % 3) + across, 30 * (i % 2) + 4 * across + 3 * along]
    write("plane.npy", npy("<f2", "(%d, 2)" % ROWS, struct.pack("<%de" % len(plane), *plane)))
    write("narrow.npy", npy("<f4", "(%d, 3)" % ROWS, f4[: ROWS * 3 * 4]))
    write("centres.npy", npy("<f4", "(3, 4)", struct.pack("<12f", *[60 + v for c in CENTRES for v in c])))

    def weights(name, values, shape="(%d,)", descr="<f4"):
        code = {"<f4": "f", "<f8": "d"}[descr]
        write(name, npy(descr, shape % len(values), struct.pack("<%d%s" % (len(values), code), *values)))

    weights("ones.npy", [1] * ROWS)
    weights("twos.npy", [2] * ROWS, "(%d, 1)", "<f8")
    weights("short_weights.npy", [1] * (ROWS - 1))
    weights("no_weights.npy", [0] * ROWS)
    weights("two_weights.npy", [5, 7] + [0] * (ROWS - 2))
    weights("negative_weight.npy", [1, 2, -3] + [1] * (ROWS - 3))
    weights("nan_weight.npy", [1] * (ROWS - 1) + [float("nan")])
    write("mask.csv", "".join("%d\n" % (i % 3 == 0) for i in range(ROWS)).encode())  # the first cluster's rows
    write("ones.fvecs", struct.pack("<if", 1, 1) * ROWS)

    # The same rows under names that tell nothing, and as other programs write them.
    text = [",".join("%.9g" % value for value in row) for row in rows]
    write("rows.txt", "".join(line.replace(",", "\t") + "\n" for line in text).encode())
    write("rows.data", "".join(line.replace(",", " ") + "\n" for line in text).encode())
    write("base.fbin.crop_nb_600", struct.pack("<II", ROWS, DIMS) + f4)
    write("index.csv", (",a,b,c,d\n" + "".join("%d,%s\n" % pair for pair in enumerate(text))).encode())
    write("numbers.csv", ("0,1,2,3\n" + "".join(line + "\n" for line in text)).encode())
    quoted = "".join(",".join('"%s"' % field for field in line.split(",")) + "\n" for line in text)
    write("quoted.csv", ('"a","b","c","d"\n' + quoted).encode())

    # Whole numbers in every type, order of bytes and order of elements.
    whole = [int(value) for value in flat]
    count = len(whole)
    for name, descr, code in (("i8", "<i8", "<%dq"), ("i4", "<i4", "<%di"), ("u4", "<u4", "<%dI"), ("u2", "<u2", "<%dH"),
                              ("i2", "<i2", "<%dh"), ("f4", "<f4", "<%df"), ("f8", "<f8", "<%dd"), ("big", ">f4", ">%df")):
        write("whole_%s.npy" % name, npy(descr, shape, struct.pack(code % count, *whole)))
    columns = [whole[i * DIMS + j] for j in range(DIMS) for i in range(ROWS)]
    fortran = npy("<f4", shape, struct.pack("<%df" % count, *columns))
    write("whole_fortran.npy", fortran.replace(b"'fortran_order': False", b"'fortran_order': True ", 1))
    array = npy("<f4", shape, struct.pack("<%df" % count, *whole))
    for name, members, method in (("whole", ["arr_0"], zipfile.ZIP_STORED), ("two", ["x", "y"], zipfile.ZIP_STORED),
                                  ("squeezed_whole", ["arr_0"], zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(os.path.join(folder, name + ".npz"), "w", method) as archive:
            for member in members:
                archive.writestr(member + ".npy", array)
    write("bits.npy", npy("|b1", shape, bytes(value % 2 for value in whole)))
    write("beyond.npy", npy("<i8", "(2, 1)", struct.pack("<2q", 1, 2**53 + 1)))
    write("twos_i8.npy", npy("<i8", "(%d,)" % ROWS, struct.pack("<%dq" % ROWS, *[2] * ROWS)))
    write("fours.npy", npy("<i8", "(%d,)" % ROWS, struct.pack("<%dq" % ROWS, *[i // 4 for i in range(ROWS)])))
    write("singles.npy", npy("<i4", "(%d,)" % ROWS, struct.pack("<%di" % ROWS, *range(ROWS))))

    # Zeros that a megabyte holds and a gigabyte would be needed for.
    with zipfile.ZipFile(os.path.join(folder, "bomb.npz"), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("means_.npy", "w", force_zip64=True) as member:
            member.write(npy("<f4", "(1, 67108864)", b""))
            for _ in range(16):
                member.write(bytes(1 << 24))
        for name in ("weights_", "covariances_"):
            archive.writestr(name + ".npy", npy("<f4", "(1,)", struct.pack("<f", 1)))

    # Rows 0, 7 and 599 with NaN, or a value missing; the rows without them.
    holes = [list(row) for row in rows]
    for i, j in ((0, 0), (7, 2), (ROWS - 1, DIMS - 1)):
        holes[i][j] = float("nan")
    write("holes.npy", npy("<f4", shape, struct.pack("<%df" % len(flat), *[value for row in holes for value in row])))
    kept = [value for row in holes if all(value == value for value in row) for value in row]
    write("filled.npy", npy("<f4", "(%d, %d)" % (ROWS - 3, DIMS), struct.pack("<%df" % len(kept), *kept)))
    missing = ["" if value != value else "%.9g" % value for row in holes for value in row]
    missing = "".join(",".join(missing[i : i + DIMS]) + "\n" for i in range(0, len(missing), DIMS))
    write("missing.csv", ("a,b,c,d\n" + missing).encode())

    for name, value in (("nan", float("nan")), ("inf", float("inf"))):
        bad = list(flat)
        bad[7 * DIMS + 2] = value
        write(name + ".npy", npy("<f4", shape, struct.pack("<%df" % len(bad), *bad)))
    write("empty.npy", b"")
    write("no_rows.npy", npy("<f4", "(0, 4)", b""))
    write("cut_header.npy", npy("<f4", shape, f4)[:40])
    write("cut.npy", npy("<f4", shape, f4)[:-10])
    write("cut.fvecs", struct.pack("<i4f", 4, 1, 2, 3, 4) + struct.pack("<i2f", 4, 1, 2))
    write("promises.npy", npy("<f4", "(1000000, 4)", f4))
    write("overflow.npy", npy("<f4", "(4611686018427387904, 4611686018427387904)", f4))
    write("overflow.fbin", struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF) + f4)
    write("noise.npy", bytes(draw.randrange(256) for _ in range(500)))
    write("noise.safetensors", bytes(draw.randrange(256) for _ in range(500)))


main(sys.argv[1])

"""check_page.py - checks a page of `flashgmm fit --report`, with plain Python:

    check_page.py PAGE MODEL        its parts, and its numbers against the model and against each other
    check_page.py --picture PNG     that a browser has drawn something: text and the colours of the charts

A failed assertion is the result.
"""
import json
import math
import re
import struct
import sys
import xml.etree.ElementTree as tree
import zlib

FIGURES = ["Log-likelihood", "Component weights", "Cluster sizes", "Variance spectrum"]
TABLES = ["Training", "Components", "Time and memory", "Device"]
BARS = 64  # more components are drawn as a line


def read_model(path):
    """The tensors of a safetensors file: name -> (shape, flat values)."""
    with open(path, "rb") as file:
        raw = file.read()
    size = struct.unpack("<Q", raw[:8])[0]
    tensors = {}
    for name, entry in json.loads(raw[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        part = raw[8 + size + begin : 8 + size + end]
        tensors[name] = (entry["shape"], struct.unpack("<%dd" % (len(part) // 8), part))
    return tensors


def words(element):
    return "".join(element.itertext()).strip()


def check_parts(text, page, components):
    assert "http:" not in text and "https:" not in text and "//" not in text, "a reference to elsewhere"
    assert not page.findall(".//script") and not page.findall(".//img") and not page.findall(".//link")
    assert "prefers-color-scheme:dark" in text and 'name="viewport"' in text
    figures = {words(f.find("h2")): f for f in page.iter("figure")}
    tables = {words(s.find("h2")): s.find("table") for s in page.iter("section")}
    assert set(figures) - {"Points and components"} == set(FIGURES), sorted(figures)
    assert set(tables) == set(TABLES), sorted(tables)
    for name in ("Component weights", "Cluster sizes"):
        drawn = len(figures[name].findall(".//rect")), len(figures[name].findall(".//polyline"))
        assert drawn == ((components, 0) if components <= BARS else (0, 1)), (name, drawn)
    for name, table in tables.items():
        assert all(words(cell) for cell in table.iter("td")), "%s: an empty cell" % name
    assert "nan" not in " ".join(words(t) for t in tables.values()).lower().split()
    return figures, tables


def check_components(table, model, rows):
    """Weights in descending order; where all are listed, their rows make up the data."""
    listed = [[float(words(cell)) for cell in line.findall("td")] for line in table.findall("tr")[1:]]
    weights = model["weights"][1]
    assert [line[1] for line in listed] == sorted((line[1] for line in listed), reverse=True)
    assert all(abs(line[1] - weights[int(line[0])]) < 1e-3 * line[1] for line in listed)
    if len(listed) == len(weights):
        assert sum(line[2] for line in listed) == rows, "rows of the components: %s" % listed


def check_spectrum(figure, model, covariance):
    """Of one matrix: the trace and the sum of squares are those of its eigenvalues."""
    if covariance != "tied":
        return
    values = [float(words(t).split(": ")[1]) for t in figure.iter("title")]
    (d, _), matrix = model["covariances"]
    assert len(values) == d and values == sorted(values, reverse=True)
    trace, squares = sum(matrix[:: d + 1]), sum(v * v for v in matrix)
    assert abs(sum(values) - trace) < 1e-7 * trace, "%s, trace %g" % (values, trace)
    assert abs(sum(v * v for v in values) - squares) < 1e-7 * squares


def check_plane(figure):
    """Each ellipse is two standard deviations of the points of its colour about their mean."""
    points = {}
    for path in figure.findall(".//path"):
        if path.get("class").startswith("points"):
            found = re.findall(r"M([-0-9.]+) ([-0-9.]+)h0", path.get("d"))
            points[path.get("class").split()[1]] = [(float(x), float(y)) for x, y in found]
    ellipses = figure.findall(".//ellipse")
    assert ellipses and sum(map(len, points.values())) > 100
    for ellipse in ellipses:
        colour = ellipse.get("class").split()[1]
        x, y, angle = map(float, re.findall(r"-?[0-9.]+", ellipse.get("transform")))
        a, b = float(ellipse.get("rx")) ** 2 / 4, float(ellipse.get("ry")) ** 2 / 4
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        mine = points[colour]
        mean = [sum(p[j] for p in mine) / len(mine) for j in (0, 1)]
        xx, xy, yy = (
            sum((p[i] - mean[i]) * (p[j] - mean[j]) for p in mine) / len(mine) for i, j in ((0, 0), (0, 1), (1, 1))
        )
        # Half a unit for means and a tenth for moments: numbers on the page have one digit after the point.
        assert abs(mean[0] - x) < 0.5 and abs(mean[1] - y) < 0.5, (colour, mean, x, y)
        for got, want in ((a * c * c + b * s * s, xx), ((a - b) * c * s, xy), (a * s * s + b * c * c, yy)):
            assert abs(got - want) < 0.1 * max(xx, yy), (colour, got, want)


def check_page(path, model_path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    page, model = tree.fromstring(text), read_model(model_path)
    facts = re.match(r"(\d+) Gaussians?, (\w+) covariance, (\d+) rows of (\d+) dim", words(page.find(".//p")))
    components, covariance, rows, dims = int(facts[1]), facts[2], int(facts[3]), int(facts[4])
    assert [components, dims] == model["means"][0]
    figures, tables = check_parts(text, page, components)
    check_components(tables["Components"], model, rows)
    check_spectrum(figures["Variance spectrum"], model, covariance)
    assert ("Points and components" in figures) == (dims == 2)
    if dims == 2 and components < 7:  # each has a colour of its own
        check_plane(figures["Points and components"])


def read_png(path):
    """Rows of pixels of an 8-bit RGB or RGBA picture; each row a list of (r, g, b)."""
    with open(path, "rb") as file:
        raw = file.read()
    data, at = b"", 8
    while at < len(raw):
        size, kind = struct.unpack(">I4s", raw[at : at + 8])
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", raw[at + 8 : at + 18])
        if kind == b"IDAT":
            data += raw[at + 8 : at + 8 + size]
        at += size + 12
    assert depth == 8 and colours in (2, 6)
    step, flat = 3 if colours == 2 else 4, zlib.decompress(data)
    above = bytearray(width * step)
    for y in range(height):
        begin = y * (width * step + 1)
        kind, line = flat[begin], bytearray(flat[begin + 1 : begin + 1 + width * step])
        for i in range(len(line) if kind else 0):
            left, up, corner = (line[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
            guess = left + up - corner
            near = min((abs(guess - v), order, v) for order, v in enumerate((left, up, corner)))[2] if kind == 4 else 0
            line[i] = (line[i] + (0, left, up, (left + up) // 2, near)[kind]) & 255
        above = line
        yield [tuple(line[i : i + 3]) for i in range(0, len(line), step)]


def check_picture(path):
    counts = {}
    for row in read_png(path):
        for pixel in row:
            counts[pixel] = counts.get(pixel, 0) + 1
    total, most = sum(counts.values()), max(counts.values())
    coloured = sum(n for (r, g, b), n in counts.items() if max(r, g, b) - min(r, g, b) > 80)
    assert 0.5 * total < most < 0.99 * total, "%d of %d pixels have one colour" % (most, total)
    assert coloured > 0.002 * total, "%d of %d pixels are coloured" % (coloured, total)


if sys.argv[1] == "--picture":
    check_picture(sys.argv[2])
else:
    check_page(sys.argv[1], sys.argv[2])

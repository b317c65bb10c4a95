"""Proposals as a draft of an inspection record: ISYBAU XML (Zustandsdaten), main codes of EN 13508-2.

Form: the exchange format of Germany's federal works, BFR Abwasser, annex A-7 (bfr-abwasser.de: A-7.5, and the reference
lists of A-7.9), version 2017-07. What a network does not know is not there: station (distance), clock position,
characterisation, quantity, class of damage, names of pipe and manholes. A record without them is a draft: an inspector
fills it in, and until then a program that checks the schema may refuse it. Nothing is written to pass such a check.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from vpipe_utils.data.classes import are_official
from vpipe_utils.review.exports.inspection_codes import WARNING, counterparts
from vpipe_utils.review.exports.time_codes import time_code
from vpipe_utils.review.proposals import Review, proposals
from vpipe_utils.storage.files import atomic_path
from vpipe_utils.user_files.user_text import one_line

NAME = "isybau_draft.xml"
NAMESPACE = "http://www.bfr-abwasser.de"  # of versions from 2017 on
VERSION = "2017-07"
CODING = "8"  # reference list U102: EN 13508-2:2011 without national rules


def write_isybau(review: Review, folder: Path) -> Path | None:
    """Write the draft; None where classes are not QV-Pipe's, whose codes alone have counterparts."""
    if not are_official(review.classes):
        return None
    with atomic_path(folder / NAME) as part:
        part.write_bytes(draft(review))
    return folder / NAME


def draft(review: Review) -> bytes:
    """The record as XML (UTF-8): one inspected object a recording, one RZustand a proposal that has a code."""
    codes = counterparts()
    table = proposals(review)
    table = table[table["class"].isin(codes)]
    clips = review.clips.drop_duplicates("video").set_index("video")
    table = table.assign(recording=table["video"].map(clips["recording"]))
    root = ElementTree.Element("Identifikation", xmlns=NAMESPACE)
    _add(root, "Version", VERSION)
    ElementTree.SubElement(root, "Admindaten")
    data = ElementTree.SubElement(root, "Datenkollektive")
    _add(data, "Kommentar", f"Draft by VPipe ({review.record.get('model') or 'model unknown'}): {WARNING}.")
    kinds = ElementTree.SubElement(ElementTree.SubElement(data, "Kennungen"), "Kollektiv")
    _add(kinds, "Kennung", "ZUS01")
    _add(kinds, "Kollektivart", "2")  # Zustandsdaten
    collection = ElementTree.SubElement(data, "Zustandsdatenkollektiv")
    _add(collection, "Kennung", "ZUS01")
    order = ElementTree.SubElement(ElementTree.SubElement(collection, "Auftraege"), "Auftrag")
    _add(order, "Kodiersystem", CODING)
    for recording, rows in table.groupby("recording", sort=False):
        _recording(collection, recording, rows, codes)
    films = ElementTree.SubElement(collection, "Filme")
    for name in dict.fromkeys(table["video"]):
        _add(ElementTree.SubElement(films, "Film"), "Filmname", name)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _recording(parent: ElementTree.Element, recording: str, rows: pd.DataFrame, codes: dict) -> None:
    place = ElementTree.SubElement(parent, "InspizierteAbwassertechnischeAnlage")
    _add(place, "Objektbezeichnung", recording)  # of the file: the pipe's own name is not known
    _add(place, "Anlagentyp", "1")  # reference list U103: a reach between two nodes
    seen = ElementTree.SubElement(place, "OptischeInspektion")
    pipe = ElementTree.SubElement(ElementTree.SubElement(seen, "Rohrleitung"), "Inspektionsdaten")
    for index, each in enumerate(rows.to_dict("records"), 1):
        code = codes[each["class"]]
        state = ElementTree.SubElement(pipe, "RZustand")
        _add(state, "Index", str(index))
        if time := time_code(each["second"]):
            _add(state, "Timecode", time.partition(".")[0].replace(":", ""))  # HHMMSS of its own film
        _add(state, "InspektionsKode", code.main)
        fits = "" if code.fits == "main code" else " (near, not the same)"
        words = f"proposal {each['class']} {each['name']} p={each['probability']:.2f}{fits}, unreviewed"
        _add(state, "Kommentar", f"{words}; film {each['video']}")


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = one_line(text)

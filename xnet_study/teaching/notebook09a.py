"""Exercises of notebook 9a: radiographs of one's own."""

from __future__ import annotations

from xnet_study.teaching.exercises import Exercise, Exercises, choice, number

TAGS = {
    *("InstitutionName", "InstitutionalDepartmentName", "OtherPatientIDs", "PatientBirthDate"),
    *("PatientID", "PatientName", "PatientOrientation", "PatientSex"),
}
"""Keywords of the chest's tags that name or number the patient or the hospital."""


def _check_tags(answer) -> str | None:
    named = set(answer)
    if named == TAGS:
        return None
    if extra := named - TAGS:
        return f"{min(map(str, extra))} is empty, or neither the patient's nor the hospital's"
    return f"{len(TAGS - named)} more"


exercise = Exercises(
    Exercise(
        check=choice("dark", {"bright": "add the two log odds and look at the sign of the sum"}),
        hint="-4.0 + 2.5 = -1.5; a negative sum means a dark open beam.",
        solution='answer = "dark" if -4.0 + 2.5 < 0 else "bright"',
        right="dark",
        wrong=["bright", "auto"],
    ),
    Exercise(
        check=number(
            3, 0, {524: "that is what 16 bits hold", 2: "0.004 and 0.012 themselves count, too"}
        ),
        hint="255 * 0.004 = 1.02 and 255 * 0.012 = 3.06; np.uint8 drops what is behind the point.",
        solution="""
            answer = len(np.unique(np.uint8(255 * np.linspace(0.004, 0.012, 1000))))
            # 1, 2 and 3: bone and flesh of a thigh are hardly told apart by three levels.
            """,
        right=3,
        wrong=[2, 524, 256],
    ),
    Exercise(
        check=_check_tags,
        hint=(
            "Loop over the elements; keep element.keyword if 'Patient' or 'Institution' is in it "
            "and str(element.value).strip() is not empty."
        ),
        solution="""
            answer = [
                element.keyword
                for element in pydicom.dcmread("study/chest.dcm")
                if ("Patient" in element.keyword or "Institution" in element.keyword)
                and str(element.value).strip()
            ]
            # The date and number of the study, and the referring doctor, identify, too.
            """,
        right=sorted(TAGS),
        wrong=[sorted(TAGS)[:-1], ["Rows", *sorted(TAGS)], []],
    ),
)

"""Exercises of notebook 1: radiographs and labels."""

from xnet_study.teaching.exercises import Exercise, Exercises, array, choice, number

exercise = Exercises(
    Exercise(
        check=choice(
            "ankle",
            {
                "foot": "that is so of all 150 images; ask the training images",
                "lower leg": "that is the part with the most open beam",
                "pelvis": "that is the part with the least open beam",
            },
        ),
        hint="`shares` has a column for each class; `idxmin` names the row of a column's smallest "
        "value.",
        solution='answer = shares["soft tissue"].idxmin()',
        right="ankle",
        wrong=["foot", "lower leg", "pelvis", "knee"],
    ),
    Exercise(
        check=number(
            0.096,
            0.004,
            {
                0.112: "that is what bone gains; ask for bone that is no bone afterwards",
                0.904: "that is the share that is kept",
            },
        ),
        hint="`preprocessing.resize_nearest(mask, 50, 50)` shrinks; the same function with "
        "`*mask.shape` brings it back. Lost is what was `classes.BONE` and is not any more.",
        solution="""
            # Thin bones are almost all edge. What is lost on one side is gained on the other: the
            # area is kept on average, the outline is not.
            small = preprocessing.resize_nearest(mask, 50, 50)
            after = preprocessing.resize_nearest(small, *mask.shape)
            lost = (mask == classes.BONE) & (after != classes.BONE)
            answer = lost.sum() / (mask == classes.BONE).sum()
            """,
        right=0.0958,
        wrong=[0.112, 0.904, 0.02],
    ),
    Exercise(
        check=array([0.2, 1 / 9], 0.002),
        hint="Of 100 pixels 20 are bone, and all 100 are predicted as bone. F1 of bone is "
        "2 TP / (2 TP + FP + FN) with TP = 20, FP = 80, FN = 0; that of the others is 0.",
        solution="""
            # F1 of bone is 2 * 20 / (2 * 20 + 80 + 0) = 1/3; the mean of 0, 0 and 1/3 is 1/9.
            answer = (20 / 100, (0 + 0 + 1 / 3) / 3)
            """,
        right=(0.2, 0.111),
        wrong=[(0.2, 1 / 3), (1 / 9, 0.2), 0.2],
    ),
    Exercise(
        check=number(13, 0.5, {22: "not all of them; count with `np.isin`", 12: "count images"}),
        hint="`subjects[order[:105]]` are the subjects of the training images. `np.isin(a, b)` "
        "says of each element of `a` whether it is in `b`.",
        solution="""
            subjects = data.manifest["subject"].to_numpy()
            order = np.random.default_rng(1).permutation(len(subjects))
            # More than half of such a test would ask about bodies that were trained on.
            training, test = subjects[order[:105]], subjects[order[-22:]]
            answer = np.isin(test, training).sum()
            """,
        right=13,
        wrong=[22, 12, 0],
    ),
)

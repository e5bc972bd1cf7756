"""Which of several classes does an image show? Small pictures, two candidates, 20 labels a turn."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from whorl import Classification, Image, Labels, Wheel, own_data

wheel = Wheel(
    name="images",
    # The answers: whole numbers, or texts such as ["cat", "deer"].
    task=Classification(range(10)),
    # Height, width and brightest pixel; in colour Image(32, 32, channels=3, high=255).
    inputs=Image(8, 8, high=16),
    # The data is yours to train on. Whatever comes under other terms is left out.
    rights=own_data(),
    # Any estimators of scikit-learn. They compete; a change must prove itself before it serves.
    candidates={
        "logistic": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, random_state=seed)),
        "svm": lambda seed: make_pipeline(StandardScaler(with_std=False), SVC(C=10)),
    },
    # How many questions a turn may ask, and what one answer costs you.
    labels=Labels(per_turn=20, price=0.10),
    # Who is asked when a stage is stuck; shown by `whorl status`.
    owners={"label": "you", "learn": "you"},
)

"""Which payments are fraud? Rows of numbers and categories, with gaps; two candidates, 20 labels a turn."""

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from whorl import Category, Classification, Labels, Number, Table, Wheel, own_data

wheel = Wheel(
    name="payments",
    # A number instead: Regression(0, 500, tolerance=50), with LinearRegression and HistGradientBoostingRegressor.
    task=Classification(["fine", "fraud"]),
    # Your columns. What does not fit is refused at the door; required=False may be missing.
    inputs=Table(
        amount=Number(low=0),
        hour=Number(low=0, high=24),
        tries=Number(low=1),
        account_days=Number(low=0),
        distance_km=Number(low=0, required=False),
        channel=Category(("shop", "online", "cash")),
    ),
    # The data is yours to train on. Whatever comes under other terms is left out.
    rights=own_data(),
    # Any estimators of scikit-learn. They compete; a change must prove itself before it serves.
    candidates={
        "logistic": lambda seed: make_pipeline(
            SimpleImputer(), StandardScaler(), LogisticRegression(class_weight="balanced", random_state=seed)
        ),
        "boosting": lambda seed: HistGradientBoostingClassifier(
            max_iter=30, learning_rate=0.2, max_leaf_nodes=8, min_samples_leaf=5, random_state=seed
        ),
    },
    # How many questions a turn may ask, and what one answer costs you.
    labels=Labels(per_turn=20, price=0.10),
)

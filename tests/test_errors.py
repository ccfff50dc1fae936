import pickle

from alvh.errors import ConfigError, DataError, SchemaError


def test_message_has_the_documented_shape():
    error = ConfigError("CFG007", "HedgeLayer", "delta", "1.5", "0 < delta < 1", hint="use 0.5")
    assert str(error) == "CFG007 HedgeLayer delta: got 1.5, expected 0 < delta < 1; use 0.5"
    assert isinstance(error, ValueError)


def test_errors_survive_pickling_with_their_fields():
    error = SchemaError("COL001", "spx.csv", "Close", "nothing", "a column", position="line 1")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert (copy.code, copy.position, copy.field) == ("COL001", "line 1", "Close")
    assert isinstance(copy, DataError)

"""The examples of https://www.tensorflow.org/tfx/serving/api_rest, and errors."""

import base64
import json
import math

import pytest
import requests

from .conftest import serving


def error(response, status):
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert list(response.json()) == ["error"]
    return response.json()["error"]


def test_status_as_documented(server):
    expected = {
        "model_version_status": [
            {
                "version": "123",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    for url in (server.url, f"{server.url}/versions/123", server.url.replace("/v1", "/V1")):
        response = requests.get(url, timeout=60)
        assert response.json() == expected
        assert response.headers["Content-Type"] == "application/json"


def test_predict_as_documented(post):
    assert post("predict", data='{"instances": [1.0,2.0,5.0]}').json() == {
        "predictions": [3.5, 4.0, 5.5]
    }
    assert post("predict", json={"inputs": [3.0, 4.0]}).json() == {"outputs": [4.5, 5.0]}
    assert post("predict", json={"inputs": {"x": [3.0, 4]}}).json() == {"outputs": [4.5, 5.0]}
    assert post("predict", json={"instances": [{"x": 3.0}]}).json() == {"predictions": [4.5]}


def test_metadata(server):
    metadata = requests.get(f"{server.url}/metadata", timeout=60).json()
    assert metadata["model_spec"] == {
        "name": "half_plus_three",
        "signature_name": "",
        "version": "123",
    }
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"
    (x,) = signatures["serving_default"]["inputs"].values()
    assert x["dtype"] == "DT_FLOAT"
    assert x["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert x["name"] == "serving_default_x:0"
    versioned = requests.get(f"{server.url}/versions/123/metadata", timeout=60).json()
    assert versioned == metadata


TAGS = {
    "tag": ["foo", "bar"],
    "signal": [[1, 2, 3, 4, 5], [3, 4, 1, 2, 5]],
    "sensor": [[[1, 2], [3, 4]], [[4, 5], [6, 8]]],
}


def test_several_inputs_and_outputs_by_name(post):
    rows = [dict(zip(TAGS, row, strict=True)) for row in zip(*TAGS.values(), strict=True)]
    foo, bar = ({"b64": base64.b64encode(tag).decode()} for tag in (b"foo", b"bar"))
    response = post("predict", json={"signature_name": "named", "instances": rows})
    assert response.json()["predictions"] == [
        {"joined": "foofoo", "raw_bytes": foo, "sum": 25},
        {"joined": "barbar", "raw_bytes": bar, "sum": 38},
    ]
    response = post("predict", json={"signature_name": "named", "inputs": TAGS})
    assert response.json()["outputs"] == {
        "joined": ["foofoo", "barbar"],
        "raw_bytes": [foo, bar],
        "sum": [25, 38],
    }


def test_binary_values(post):
    raw = {"b64": base64.b64encode(b"\x07\x00\x00\x00").decode()}
    for instances in ([raw], [{"raw": raw}]):
        request = {"signature_name": "decoded", "instances": instances}
        assert post("predict", json=request).json() == {"predictions": [7]}
    request = {"signature_name": "decoded", "instances": [{"b64": "BwAAAA"}]}  # without padding
    assert post("predict", json=request).json() == {"predictions": [7]}


def test_nan_and_infinity_are_numbers(post):
    response = post("predict", data='{"instances": [NaN, Infinity, -Infinity, 1]}')
    nan, *rest = response.json()["predictions"]
    assert math.isnan(nan)
    assert rest == [math.inf, -math.inf, 3.5]


def test_null_is_a_missing_number_or_text(post):
    for body in ({"instances": [None, 1]}, {"instances": [{"x": None}, {"x": 1}]}):
        nan, one = post("predict", json=body).json()["predictions"]
        assert math.isnan(nan)
        assert one == 3.5
    request = {"signature_name": "named", "inputs": {**TAGS, "tag": [None, "bar"]}}
    assert post("predict", json=request).json()["outputs"]["joined"] == ["", "barbar"]


def test_floats_have_the_shortest_exact_decimals(post):
    response = post("predict", data='{"instances": [0.2, 1e-7]}')
    assert response.text == '{"predictions": [3.1, 3.0]}'


def test_an_empty_batch_gets_an_empty_answer(post):
    assert post("predict", json={"instances": []}).json() == {"predictions": []}
    assert post("predict", json={"inputs": []}).json() == {"outputs": []}
    nothing = {"tag": [], "signal": [], "sensor": []}
    response = post("predict", json={"signature_name": "named", "inputs": nothing})
    assert response.json() == {"outputs": {"joined": [], "raw_bytes": [], "sum": []}}
    response = post("predict", json={"signature_name": "named", "instances": []})
    assert response.json() == {"predictions": []}


def test_booleans(post):
    request = {"signature_name": "negated", "instances": [True, False]}
    assert post("predict", json=request).json() == {"predictions": [False, True]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "JSON Parse error"),
        ("instances = [1, 2]", "JSON Parse error"),
        (b"\xff\xfe", "JSON Parse error"),
        ('{"instances": ' + "[" * 100_000, "nested too deeply"),
        ('{"instances": [1e999]}', "Number too big"),
        ('{"instances": [' + "9" * 5000 + "]}", "JSON Parse error"),
        ("[1]", "`body` must be a JSON object. Received: body=[1]"),
        ("{}", "must have `instances` or `inputs`. Received: neither"),
        ('{"instances": [1], "inputs": [1]}', "Received: instances and inputs"),
        ('{"instances": 1}', "`instances` must be a list of rows. Received: instances=1"),
        ('{"signature_name": 100}', "`signature_name` must be a string"),
        ('{"signature_name": "no"}', '"no" not found in signature def'),
        (
            '{"instances": [[1, 2]]}',
            "`x` must have the shape (None,) (None: any). Received: shape (1, 2)",
        ),
        ('{"instances": [1, [2]]}', "JSON Value: [2] is not of expected type"),
        ('{"inputs": 1}', "`x` must have the shape (None,) (None: any). Received: shape ()"),
        ('{"instances": ["1"]}', "JSON Value: '1' is not of expected type: float32"),
        ('{"instances": [true]}', "JSON Value: True is not of expected type: float32"),
        (
            '{"signature_name": "negated", "instances": [null]}',
            "None is not of expected type: bool",
        ),
        ('{"instances": [{"b64": "AA=="}]}', "is not of expected type: float32"),
        ('{"instances": [16777216]}', "without loss of precision"),
        ('{"instances": [1e39]}', "without loss of precision"),
        (
            '{"instances": [{"z": 1}]}',
            "an object with the keys ['x']. Received: instances[0]={'z': 1}",
        ),
        ('{"instances": [{"x": 1}, 2]}', "Received: instances[1]=2"),
        ('{"inputs": {"z": [1]}}', "`inputs` must be an object with the keys ['x']. Received"),
        ('{"signature_name": "named", "inputs": [1]}', "keys ['sensor', 'signal', 'tag']"),
        ('{"signature_name": "named", "instances": [1]}', "keys ['sensor', 'signal', 'tag']"),
        ('{"signature_name": "decoded", "instances": ["\\ud800"]}', "Unable to decode Unicode"),
        ('{"signature_name": "decoded", "inputs": [{"b64": "?"}]}', "Unable to decode base64"),
        ('{"signature_name": "decoded", "instances": ["ab"]}', "InvalidArgumentError"),
        ('{"signature_name": "negated", "instances": [1]}', "not of expected type: bool"),
    ],
)
def test_invalid_predict_request_gets_400_and_a_message(post, body, message):
    assert message in error(post("predict", data=body), 400)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tag": [1, 2]}, "JSON Value: 1 is not of expected type: string"),
        (
            {"signal": [[1, 2, 3, 4, 5], [3, 4, 1, 2]]},
            "The lists of `signal` must have equal sizes",
        ),
        ({"signal": [[1, 2, 3, 4, 5.0]] * 2}, "JSON Value: 5.0 is not of expected type: int32"),
        ({"signal": [[1, 2, 3, 4, 2**31]] * 2}, "2147483648 to int32 without loss"),
        ({"sensor": [[[1, 2], [3, 2**63]]] * 2}, "to int64 without loss"),
        ({"signal": [[1, 2, 3, 4, None]] * 2}, "JSON Value: None is not of expected type: int32"),
        ({"tag": ["one"]}, "All inputs must have the same number of rows"),
    ],
)
def test_invalid_tensor_gets_400_and_a_message(post, change, message):
    request = {"signature_name": "named", "inputs": {**TAGS, **change}}
    assert message in error(post("predict", json=request), 400)


def test_missing_models_versions_and_labels_are_named(server, post):
    body = '{"instances": [1.0,5.0]}'
    half = server.url.replace("half_plus_three", "half")
    missing = requests.post(f"{half}:predict", data=body, timeout=60)
    assert error(missing, 404) == "Servable not found for request: Latest(half)"
    old = post("predict", "/versions/7", data=body)
    assert error(old, 404) == "Servable not found for request: Specific(half_plus_three, 7)"
    label = post("predict", "/labels/stable", data=body)
    assert error(label, 400) == "Unrecognized servable version label: stable"
    for url, which in (
        (half, "any versions of model half"),
        (f"{server.url}/versions/7", "version 7"),
    ):
        assert f"Could not find {which}" in error(requests.get(url, timeout=60), 404)


def test_unknown_urls_are_refused(server):
    root = server.url.split("/v1/")[0]
    predict = "/v1/models/half_plus_three:predict"
    assert (
        error(requests.get(root + predict, timeout=60), 400) == f"Malformed request: GET {predict}"
    )
    for path in ("/v1/foo", "/v1/models/a/versions/b:predict", "/v1/models/a:classify"):
        assert error(requests.post(root + path, timeout=60), 400).startswith("Malformed request")
    huge = requests.post(f"{root}/v1/models/a/versions/{2**64}:predict", timeout=60)
    assert "Failed to convert version" in error(huge, 400)
    assert "Models are under /v1/models" in error(requests.get(root, timeout=60), 404)
    assert "Malformed request" in error(requests.delete(server.url, timeout=60), 400)


def test_body_with_a_wrong_encoding_is_refused(server):
    headers = {"Content-Encoding": "gzip"}
    response = requests.post(f"{server.url}:predict", data=b"no", headers=headers, timeout=60)
    assert "Malformed body" in error(response, 400)


def test_model_name_with_reserved_characters(half_plus_three):
    with serving(half_plus_three, name="a/b:c") as server:
        root = server.url.split("/v1/")[0]
        answer = requests.post(
            f"{root}/v1/models/a%2Fb%3Ac:predict", data='{"instances": [1]}', timeout=60
        )
    assert json.loads(answer.content) == {"predictions": [3.5]}

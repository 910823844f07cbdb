"""The examples of https://www.tensorflow.org/tfx/serving/api_rest, and what else a client sees."""

import base64
import json
import math

import pytest
import requests


def error(response, status):
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert list(response.json()) == ["error"]
    return response.json()["error"]


def test_the_status_of_the_documentation(server):
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


def test_the_calls_of_the_documentation(post):
    assert post("predict", data='{"instances": [1.0,2.0,5.0]}').json() == {
        "predictions": [3.5, 4.0, 5.5]
    }
    assert post("predict", json={"inputs": [3.0, 4.0]}).json() == {"outputs": [4.5, 5.0]}
    assert post("predict", json={"inputs": {"x": [3.0, 4]}}).json() == {"outputs": [4.5, 5.0]}
    assert post("predict", json={"instances": [{"x": 3.0}]}).json() == {"predictions": [4.5]}
    request = {"signature_name": "regress", "examples": [{"x": 1.0}, {"x": [2.0]}]}
    assert post("regress", json=request).json() == {"results": [3.5, 4.0]}


def test_the_metadata(server):
    metadata = requests.get(f"{server.url}/metadata", timeout=60).json()
    assert metadata["model_spec"] == {
        "name": "half_plus_three",
        "signature_name": "",
        "version": "123",
    }
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"
    assert signatures["classify"]["method_name"] == "tensorflow/serving/classify"
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
    request = {"signature_name": "decoded", "inputs": [{"b64": "?"}]}
    assert "Unable to base64 decode" in error(post("predict", json=request), 400)


def test_strings_that_are_no_unicode_go_out_as_they_are(post):
    tag = {"b64": base64.b64encode(b"\xff").decode()}
    request = {"signature_name": "named", "inputs": {**TAGS, "tag": [tag, "ok"]}}
    content = post("predict", json=request).content
    assert b'"\xff\xff"' in content


def test_nan_and_infinity_are_numbers(post):
    response = post("predict", data='{"instances": [NaN, Infinity, -Infinity, 1]}')
    nan, *rest = response.json()["predictions"]
    assert math.isnan(nan)
    assert rest == [math.inf, -math.inf, 3.5]


def test_floats_are_the_shortest_that_read_back(post):
    response = post("predict", data='{"instances": [0.2, 1e-7]}')
    assert response.text == '{"predictions": [3.1, 3.0]}'


def test_scalars_and_inputs_of_different_sizes_are_columns(post):
    request = {"signature_name": "pair", "inputs": {"a": 1.5, "b": [True, False, True]}}
    assert post("predict", json=request).json() == {
        "outputs": {"a": [2.5, 1.5, 2.5], "b": [True, False, True]}
    }


def test_no_rows_are_answered_as_columns(post):
    assert post("predict", json={"inputs": []}).json() == {"outputs": []}
    nothing = {"tag": [], "signal": [], "sensor": []}
    response = post("predict", json={"signature_name": "named", "inputs": nothing})
    assert response.json() == {"outputs": {"joined": [], "raw_bytes": [], "sum": []}}
    mixed = {"signature_name": "named", "inputs": {**nothing, "tag": ["a"]}}
    assert "Expected the same number of rows" in error(post("predict", json=mixed), 400)


def test_classify_with_labels_scores_and_context(post):
    request = {"signature_name": "classify", "examples": [{"x": 1.0}, {"x": 4.0}]}
    results = [[["low", 3.5], ["hoch \u00e4", -3.5]], [["low", 5.0], ["hoch \u00e4", -5.0]]]
    assert post("classify", json=request).json() == {"results": results}
    shared = {"signature_name": "classify", "context": {"x": 1.0}, "examples": [{}, {"y": "z"}]}
    assert post("classify", json=shared).json() == {"results": results[:1] * 2}


def test_a_signature_of_another_method(post):
    message = error(post("classify", json={"examples": [{"x": 1.0}]}), 400)
    assert message == (
        "Expected classify signature method_name to be tensorflow/serving/classify. "
        "Was: tensorflow/serving/predict"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "JSON Parse error"),
        ("instances = [1, 2]", "JSON Parse error"),
        (b"\xff\xfe", "JSON Parse error"),
        ('{"instances": ' + "[" * 100_000, "nested too deeply"),
        ('{"instances": [1e999]}', "Number too big"),
        ('{"instances": [' + "9" * 5000 + "]}", "JSON Parse error"),
        ("[1]", "Expected a JSON object. Received: a list of 1"),
        ("{}", "Expected one of the keys 'inputs' and 'instances'. Received: none"),
        ('{"instances": [1], "inputs": [1]}', "Received: ['instances', 'inputs']"),
        ('{"instances": []}', "Expected 'instances' to be a list of rows"),
        ('{"instances": 1}', "Expected 'instances' to be a list of rows. Received: 1"),
        ('{"signature_name": 100}', "'signature_name' key must be a string value"),
        ('{"signature_name": "no"}', '"no" not found in signature def'),
        ('{"instances": [[1, 2]]}', "expected the shape (None,) (None: any). Received: (1, 2)"),
        ('{"instances": [1, [2]]}', "expected values at level 1. Received: a list there"),
        ('{"inputs": 1}', "expected the shape (None,) (None: any). Received: ()"),
        ('{"instances": ["1"]}', 'JSON Value: "1" is not of expected type: float32'),
        ('{"instances": [true]}', "JSON Value: true is not of expected type: float32"),
        ('{"instances": [null]}', "JSON Value: null is not of expected type: float32"),
        ('{"instances": [{"b64": "AA=="}]}', "is not of expected type: float32"),
        ('{"instances": [16777216]}', "without loss of precision"),
        ('{"instances": [1e39]}', "without loss of precision"),
        ('{"instances": [{"z": 1}]}', "an object with the keys ['x']. Received: an object with"),
        ('{"instances": [{"x": 1}, 2]}', "Received: 2 as number 1"),
        ('{"inputs": {"z": [1]}}', "Missing named input: x in 'inputs' object. Received: ['z']"),
        ('{"signature_name": "pair", "inputs": [1]}', "with the keys ['a', 'b']"),
        ('{"signature_name": "pair", "instances": [1]}', "with the keys ['a', 'b']"),
        ('{"signature_name": "decoded", "instances": ["\\ud800"]}', "no Unicode"),
        ('{"signature_name": "decoded", "instances": ["ab"]}', "InvalidArgumentError"),
    ],
)
def test_what_is_wrong_with_a_predict_request_is_said(post, body, message):
    assert message in error(post("predict", data=body), 400)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tag": [1, 2]}, "JSON Value: 1 is not of expected type: string"),
        ({"signal": [[1, 2, 3, 4, 5], [3, 4, 1, 2]]}, "expected lists of equal sizes"),
        ({"signal": [[1, 2, 3, 4, 5.0]] * 2}, "JSON Value: 5.0 is not of expected type: int32"),
        ({"signal": [[1, 2, 3, 4, 2**31]] * 2}, "2147483648 to int32 without loss"),
        ({"sensor": [[[1, 2], [3, 2**63]]] * 2}, "to int64 without loss"),
        ({"tag": ["one"]}, "Expected the same number of rows in each input"),
    ],
)
def test_what_is_wrong_with_a_tensor_is_said(post, change, message):
    request = {"signature_name": "named", "inputs": {**TAGS, **change}}
    assert message in error(post("predict", json=request), 400)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "Expected 'examples' to be a list of objects"),
        ({"examples": [1]}, "Example must be JSON object"),
        ({"examples": [{}], "context": 1}, "Expected 'context' to be an object"),
        ({"examples": [{"x": [1.0, 2]}]}, "expected values of one type"),
        ({"examples": [{"x": None}]}, "expected numbers or strings"),
        ({"examples": [{"x": [[1.0]]}]}, "expected numbers or strings"),
        ({"examples": [{"x": {"y": 1}}]}, "not of expected type: string"),
        ({"examples": [{"x": 1e39}]}, "without loss of precision"),
        ({"examples": [{"x": 2**63}]}, "without loss of precision"),
        ({"examples": [{"x": 1}]}, "Data types don't match"),
        ({"examples": [{}]}, "InvalidArgumentError"),
    ],
)
def test_what_is_wrong_with_examples_is_said(post, request_, message):
    request = {"signature_name": "classify", **request_}
    assert message in error(post("classify", json=request), 400)


def test_what_is_not_there(server, post):
    body = '{"instances": [1.0,5.0]}'
    half = server.url.replace("half_plus_three", "half")
    missing = requests.post(f"{half}:predict", data=body, timeout=60)
    assert error(missing, 404) == "Servable not found for request: Latest(half)"
    old = post("predict", "/versions/7", data=body)
    assert error(old, 404) == "Servable not found for request: Specific(half_plus_three, 7)"
    label = post("predict", "/labels/stable", data=body)
    assert error(label, 400) == "Unrecognized servable version label: stable"
    status = requests.get(half, timeout=60)
    assert error(status, 404) == "Could not find any versions of model half"
    status = requests.get(f"{server.url}/versions/7", timeout=60)
    assert error(status, 404) == "Could not find version 7 of model half_plus_three"


def test_urls_that_are_not_of_the_api(server):
    root = server.url.split("/v1/")[0]
    predict = "/v1/models/half_plus_three:predict"
    assert (
        error(requests.get(root + predict, timeout=60), 400) == f"Malformed request: GET {predict}"
    )
    for path in ("/v1/foo", "/v1/models/a/versions/b:predict", "/v1/models/a:train"):
        assert error(requests.post(root + path, timeout=60), 400).startswith("Malformed request")
    huge = requests.post(f"{root}/v1/models/a/versions/{2**64}:predict", timeout=60)
    assert "Failed to convert version" in error(huge, 400)
    assert "Expected a path under /v1/models" in error(requests.get(root, timeout=60), 404)
    assert "Malformed request" in error(requests.delete(server.url, timeout=60), 400)


def test_a_body_that_is_not_what_its_encoding_says(server):
    headers = {"Content-Encoding": "gzip"}
    response = requests.post(f"{server.url}:predict", data=b"no", headers=headers, timeout=60)
    assert "Malformed body" in error(response, 400)


def test_a_model_name_with_reserved_characters(half_plus_three):
    from .conftest import serving

    with serving(half_plus_three, name="a/b:c") as server:
        root = server.url.split("/v1/")[0]
        answer = requests.post(
            f"{root}/v1/models/a%2Fb%3Ac:predict", data='{"instances": [1]}', timeout=60
        )
    assert json.loads(answer.content) == {"predictions": [3.5]}

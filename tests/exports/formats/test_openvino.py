def test_the_weights_are_kept_in_float32(published):
    numbers = 4 * 4 + 4 + 2 * 4 + 4 * 3 + 3
    folder = published.path / "formats" / "openvino"
    assert (folder / "model.bin").stat().st_size >= 4 * numbers - 4 * 2 * 4
    assert "f16" not in (folder / "model.xml").read_text()
    assert 'element_type="f32"' in (folder / "model.xml").read_text()

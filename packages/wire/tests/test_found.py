import msgspec

from vectorflow_wire.found import FoundFile, FoundVector, FoundVectors


def test_what_a_later_agent_adds_is_skipped_and_defaults_are_left_out():
    told = FoundVectors(at=1, vectors=(FoundVector(id="vector.service", files=(FoundFile(path="/a"),)),))
    data = msgspec.json.encode(told)
    assert data == b'{"at":1,"vectors":[{"id":"vector.service","files":[{"path":"/a"}]}]}'
    assert msgspec.json.decode(data[:-1] + b',"more":1}', type=FoundVectors) == told

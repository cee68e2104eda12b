"""An EffectPolicy is read strictly: what nobody reads guards nothing, so it is an error."""

from __future__ import annotations

import pytest

from mistrust.admission.effects.guard import Guard, guard, guards
from mistrust.effect.effect import Kind
from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.kube.meta import Ref


def written(expression: str = "effect.newPaths.size() == 0", **spec: Plain) -> dict[str, Plain]:
    return {
        "apiVersion": "mistrust.dev/v1alpha1",
        "kind": "EffectPolicy",
        "metadata": {"name": "g"},
        "spec": {"validations": [{"expression": expression}], **spec},
    }


def kinds(expression: str) -> set[Kind]:
    return set(guard(written(expression)).kinds)


def test_it_asks_about_the_fields_that_it_names() -> None:
    assert kinds("effect.newPaths.size() == 0") == {Kind.PATH}
    assert kinds("effect.newPowers.all(p, effect.newExposure.size() == 0)") == {Kind.POWER, Kind.EXPOSURE}
    assert kinds("!has(effect.lostMutualTLS) || effect.lostMutualTLS == []") == {Kind.PLAINTEXT}


def test_one_that_asks_for_what_is_unknown_asks_about_everything() -> None:
    assert kinds("effect.unknown.size() == 0") == set(Kind)
    assert kinds("effect.unknown.size() == 0 && effect.newPaths.size() == 0") == {Kind.PATH}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (written("effect.newPath.size() == 0"), "no field of effect"),
        (written("effect['newPaths'].size() == 0"), "for its fields alone"),
        (written("cel.bind(e, effect, e.newPaths.size() == 0)"), "for its fields alone"),
        (written("object.metadata.name != 'a'"), "does not ask for the effect"),
        (written("effect.newPaths.size( == 0"), "CEL"),
        (written(unknwon="allow"), "unknwon"),
        (written(unknown="maybe"), "maybe"),
        (written(match={"kind": ["Pod"]}), "kind"),
        (written(validations=[]), "asks for nothing"),
        ({**written(), "kind": "Policy"}, "not a policy on effects"),
        ({**written(), "metadata": {}}, "metadata.name"),
        ({**written(), "status": {}}, "status"),
        ({**written(), "spec": None}, "not a policy on effects"),
        (written("(" * 5000 + "true" + ")" * 5000), ""),
    ],
)
def test_what_is_not_understood_is_an_error(given: dict[str, Plain], said: str) -> None:
    with pytest.raises(InputError) as error:
        guard(given)
    assert said in str(error.value)


def test_a_folder_without_policies_is_an_error() -> None:
    with pytest.raises(InputError, match="no policies on effects"):
        guards([])
    with pytest.raises(InputError, match="two policies of one name"):
        guards([("a.yaml", written()), ("b.yaml", written())])


def matching(**match: list[Plain]) -> Guard:
    return guard(written(match={**match}))


def test_it_is_asked_about_kinds_and_namespaces() -> None:
    role, crole = Ref("rbac.authorization.k8s.io", "Role", "shop", "a"), Ref("", "ClusterRole", "", "a")
    assert matching().spec.match.holds(role)
    assert matching(kinds=["Role"]).spec.match.holds(role)
    assert not matching(kinds=["Role"]).spec.match.holds(crole)
    assert matching(namespaces=["shop"]).spec.match.holds(role)
    assert not matching(namespaces=["shop"]).spec.match.holds(crole)
    assert not matching(excludeNamespaces=["shop"]).spec.match.holds(role)
    assert matching(excludeNamespaces=["shop"]).spec.match.holds(crole)

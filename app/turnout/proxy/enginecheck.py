"""What engines say of themselves: which are up, with which models; asked now and then, and when somebody wants to know."""

import asyncio

from turnout.calls.provider import Provider
from turnout.calls.units import Family, Json, Tokens
from turnout.engines.discover import Heard, Listed, of_engine
from turnout.engines.embedded import Embedded
from turnout.errors import EngineStatusError, KeysError, TurnoutError
from turnout.proxy.edges import Keys
from turnout.proxy.roster import Known, Model
from turnout.proxy.state import State


class EngineCheck:
    def __init__(self, state: State, embedded: Embedded, keys: Keys) -> None:
        self._state, self._embedded, self._keys = state, embedded, keys

    async def ask_all(self) -> None:
        """Local engines are asked what they have; cloud ones only get their key looked up."""
        providers = [provider for provider in self._state.settings.providers.values() if provider.enabled]
        await self._embedded.keep_only({provider.name for provider in providers if provider.gguf})
        await asyncio.gather(*(self.ask(provider) for provider in providers))

    async def ask(self, provider: Provider) -> None:
        engine = self._state.engine(provider.name)
        before = self._state.known.get(provider.name)
        try:
            if provider.gguf:
                await self._embedded.ensure(provider)
            if provider.needs_key:
                await self._keys.key(provider, engine.base.origin)
                if provider.sovereign is False:
                    self._state.learn_models(
                        provider.name, Known("up", models=before.models if before is not None else {})
                    )
                    return
            heard = await of_engine(engine, 5.0)
        except KeysError as error:
            state = "no key" if "no key" in error.message else "locked"
            self._state.learn_models(
                provider.name, Known(state, error.message, before.models if before is not None else {})
            )
            return
        except EngineStatusError as error:
            if provider.gguf and error.answer_status == 503:
                self._state.learn_models(provider.name, Known("loading", "its model is being loaded"))
                return
            # It answers, but has no list of models: it may well serve them.
            self._state.learn_models(provider.name, Known("up", models=before.models if before is not None else {}))
            return
        except TurnoutError as error:
            if self._embedded.loading(provider.name):
                self._state.learn_models(provider.name, Known("loading", "its model is being loaded"))
                return
            if not provider.sovereign and not provider.needs_key:
                return
            self._state.learn_models(
                provider.name, Known("down", error.message, before.models if before is not None else {})
            )
            if before is not None and before.state == "up":
                self._state.health.lost(provider.name, error.message)
            return
        if heard.turnout:
            self._state.learn_models(provider.name, Known("down", "this is Turnout itself, not an engine"))
            return
        self._state.learn_models(provider.name, _known(provider, heard))
        self._state.health.reached(provider.name)

    async def test_key(self, name: str) -> Json:
        """Asks the provider for its models with the key; nothing is billed."""
        provider = self._state.settings.providers.get(name)
        if provider is None:
            return {"ok": False, "message": f"there is no provider {name!r}"}
        self._keys.forget()
        try:
            heard = await of_engine(self._state.engine(name), 15.0)
        except TurnoutError as error:
            return {"ok": False, "message": error.said}
        return {"ok": True, "message": f"{len(heard.models)} models"}


def _known(provider: Provider, heard: Heard) -> Known:
    return Known("up", models={model.name: _model(provider, model) for model in heard.models}, version=heard.version)


def _model(provider: Provider, listed: Listed) -> Model:
    said = listed.capabilities
    ollama = provider.family is Family.OLLAMA
    return Model(
        name=listed.name,
        context=Tokens(listed.context) if listed.context else None,
        tools="tools" in said if said else True,
        images="vision" in said if said else not ollama,
        thinks="thinking" in said if said else not ollama,
        remote=listed.remote,
        loaded=listed.loaded,
        held=listed.held,
        vram=listed.vram,
        window=listed.window,
        until=listed.until,
        size=listed.size,
        digest=listed.digest,
        modified=listed.modified,
        family=listed.family,
        parameters=listed.parameters,
        quantization=listed.quantization,
        embeds=bool(said) and "completion" not in said,
        capabilities=said,
    )

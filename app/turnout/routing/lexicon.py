"""Word classes for grading: what a verb asks for and what a noun is about. Written for this product; facts of English.

Classes, not words, carry over to requests nobody has seen: "book", "cancel" and "remind" are errands whatever the
object. The order of `CLASS_NAMES` is stored in weights and ledger rows: append, never reorder.
"""

from collections.abc import Mapping

_WORDS: dict[str, str] = {
    "build": "write create implement build develop code program add generate make scaffold set setup bootstrap construct"
    " extend integrate wire hook support introduce migrate upgrade deploy containerize dockerize automate configure",
    "fix": "fix debug repair resolve solve patch troubleshoot diagnose broken fails failing failed fail crash crashes"
    " crashing bug bugs issue wrong doesn't isn't won't hangs hang stuck throws throwing regression flaky leak leaks"
    " deadlock race incorrect",
    "refactor": "refactor restructure rewrite simplify cleanup clean optimize optimise improve extract inline split"
    " modularize decouple rename move replace remove convert port modernize deduplicate vectorize parallelize speed"
    " faster performance efficient",
    "test": "test tests testing unittest pytest jest mocha junit coverage mock mocks fixture fixtures assertion spec"
    " specs tdd e2e",
    "explain": "explain describe clarify elaborate walk interpret understand meaning purpose mean means does overview"
    " introduction difference differences differ document docstring jsdoc comments annotate documentation",
    "summarise": "summarize summarise summary summaries tldr tl gist recap condense shorten abstract outline key points"
    " highlights takeaways boil brief briefly synopsis digest minutes",
    "prose": "story poem poems song lyrics essay essays blog article email emails letter letters tweet post caption"
    " slogan slogans dialogue scene scenes novel fiction speech script haiku sonnet limerick biography bio memoir"
    " newsletter announcement press release pitch proposal report cover resume cv invitation toast eulogy obituary"
    " screenplay monologue tagline headline copy ad advertisement brochure review blurb chapter character characters"
    " narrative fable fairy tale anecdote joke jokes rap parody",
    "creative": "imagine pretend roleplay brainstorm ideas creative invent suggest suggestions recommend persuasive"
    " humorous funny inspiring heartfelt witty tone style compose draft narrate act persona portray",
    "rephrase": "rephrase paraphrase reword rewrite translate proofread polish edit grammar formal casual friendlier"
    " friendly professional polite shorter longer wording translation german french spanish italian chinese japanese"
    " portuguese russian korean dutch polish",
    "compare": "compare contrast versus vs pros cons advantages disadvantages benefits drawbacks alternatives better"
    " best difference similarities evaluate assess opinion discuss argue debate",
    "extract": "extract find identify list pull get retrieve locate highlight copy pick return fields field entities"
    " entity names dates keywords mentions mentioned parse json csv yaml xml key value values column",
    "classify": "classify categorize categorise category categories label labels tag sentiment positive negative neutral"
    " spam intent topic offensive toxic true false yes no rating stars star score belongs belong whether same"
    " duplicate equivalent similar entail entails entailment contradiction contradict contradicts genre language",
    "options": "option options choice choices choose select following correct answer answers which a) b) c) d)",
    "lookup": "what who when where which whose whom capital date year born located invented founded called name define"
    " definition synonym antonym plural spell abbreviation acronym stands stand",
    "errand": "book reserve schedule remind reminder play pause order buy cancel transfer send call dial text message"
    " turn dim lights thermostat alarm timer weather forecast flight flights hotel hotels restaurant restaurants table"
    " reservation taxi uber ride ticket tickets balance card payment pay account refund deposit withdraw pin cash"
    " loan rent track delivery package shopping add meeting calendar appointment navigate directions music song"
    " volume channel movie movies party people tonight tomorrow pm am fetch show display check status open close"
    " start stop lookup search subscribe unsubscribe topup exchange rate currency",
    "setting": "setting settings preference preferences shortcut shortcuts keybinding keybindings keyboard theme themes"
    " font sidebar minimap panel tab tabs toolbar zoom wrap whitespace autosave format formatter extension extensions"
    " enable disable toggle hide configure editor vscode terminal cursor line numbers ruler breadcrumbs explorer"
    " icon icons notification notifications telemetry update updates dark mode",
    "codeobject": "function functions method methods class classes module modules component components endpoint"
    " endpoints api apis query queries script scripts program loop loops array arrays list dict dictionary hashmap"
    " struct interface enum type types variable variables parameter parameters argument arguments callback promise"
    " async thread threads lock mutex queue stack heap tree graph node linked string regex parser compiler cli"
    " decorator generator iterator closure lambda schema migration database table tables index transaction cache"
    " server client backend frontend app application website webpage page form button modal route router middleware"
    " hook state store reducer container docker image pipeline workflow action ci config file files folder directory"
    " repo repository branch commit merge pr diff package dependency library framework sdk plugin extension bot"
    " crawler scraper algorithm code codebase snippet implementation logger logging websocket socket notebook",
    "tech": "python javascript typescript java rust golang go c++ c# c sql bash shell html css react vue angular svelte"
    " django flask fastapi express node nodejs next nextjs kotlin swift php laravel ruby rails scala haskell matlab r"
    " excel pandas numpy tensorflow pytorch sklearn kubernetes k8s terraform ansible aws azure gcp postgres postgresql"
    " mysql sqlite mongodb redis kafka rabbitmq graphql grpc rest spring android ios flutter unity webpack vite npm"
    " yarn pip cargo maven gradle git github gitlab linux windows macos nginx selenium playwright tailwind bootstrap"
    " jquery lua perl julia elixir clojure solidity powershell vba arduino",
    "error": "error errors exception exceptions traceback segfault undefined null nullpointerexception typeerror"
    " keyerror valueerror importerror indexerror attributeerror syntaxerror stacktrace warning timeout exit status"
    " 404 500 econnrefused panic nan",
    "math": "calculate compute solve equation equations prove proof theorem lemma integral derivative limit probability"
    " sum product average mean median percent percentage triangle circle square rectangle polygon angle polynomial"
    " matrix determinant eigenvalue vector integer integers digit digits prime divisible divisor remainder ratio area"
    " volume perimeter radius diameter function maximum minimum positive sequence series converge converges"
    " evaluate simplify factor roots root real complex modulo permutations combinations sqrt cube fraction decimal"
    " expression formula inequality set subset bijection odd even expected variance distribution logarithm sine",
    "quantity": "many much total each per cost costs price dollars cents miles km hours minutes apples oranges marbles"
    " times twice half third double more less fewer left remaining altogether spends bought sold gave earns speed"
    " weighs weight feet inches meters liters gallons age older younger",
    "logic": "premise premises argument conclusion conclude infer inference deduce logically logic valid invalid fallacy"
    " strengthens strengthen weakens weaken assumption assumptions assumes must could cannot except if statements"
    " statement puzzle riddle clue clues exactly left right immediately adjacent sits sit seated next between knights"
    " knaves liar truth lies tells ordering order arranged oldest youngest tallest shortest flaw reasoning support"
    " supported undermines undermine therefore some all none every",
    "design": "design architect architecture plan strategy scalable scalability distributed consistency tradeoffs"
    " trade-offs tradeoff latency throughput availability fault tolerance failover replication sharding microservices"
    " monolith roadmap threat security vulnerabilities audit review rollback zero-downtime multi-tenant capacity"
    " bottleneck root cause analyze analyse analysis investigate investigation hypotheses hypothesis complexity"
    " requirements specification modelling propose evaluate",
    "passage": "passage paragraph text article context document sentence sentences review tweet conversation dialogue"
    " transcript thread notes email message news report story above below following given based according mentioned",
    "step": "step steps first then finally detailed thoroughly carefully reason think derive justify show work"
    " rigorous explain why",
    "small": "hi hello hey thanks thank ok okay yes no sure continue proceed good great cool please stop bye nice",
    "writing": "write create compose draft generate produce craft make prepare give tell",
    "constraint": "must should ensure without exactly least most only using instead handle support require requires"
    " constraint constraints requirement requirements including include edge cases",
    "question": "how why could can would is are do did",
    "data": "dataset data dataframe csv column columns rows plot chart graph visualize visualization statistics regression"
    " model train training predict prediction neural network clustering machine learning classifier feature features",
}

CLASS_NAMES: tuple[str, ...] = tuple(_WORDS)


def _by_word() -> dict[str, tuple[int, ...]]:
    table: dict[str, list[int]] = {}
    for index, words in enumerate(_WORDS.values()):
        for word in words.split():
            places = table.setdefault(word, [])
            if index not in places:
                places.append(index)
    return {word: tuple(places) for word, places in table.items()}


CLASSES: Mapping[str, tuple[int, ...]] = _by_word()
"""Word in lower case to the classes it is in."""

_LEADS = (
    "write create generate implement build make add fix debug refactor optimize optimise convert port translate rewrite"
    " rephrase paraphrase summarize summarise explain describe discuss compare analyze analyse evaluate assess review"
    " classify categorize categorise label tag identify extract find list give tell show provide suggest recommend"
    " choose select pick determine decide answer complete fill predict calculate compute solve prove derive design plan"
    " draft compose imagine pretend act format sort parse return output count detect check verify validate correct edit"
    " improve shorten expand document comment test name define state read consider use draw plot set get fetch update"
    " delete remove rename move run call is are does do did can could should would will what who when where which why"
    " how please help set turn book play remind schedule open"
    " enable disable change search look investigate migrate deploy install configure report conclude infer"
    " tl tldr recap condense polish proofread simplify adapt reply reproduce resolve wire hook bump swap replace extract"
    " scaffold split merge use same short sum retell argue come think boil put turn say"
)
LEADS: frozenset[str] = frozenset(_LEADS.split())
"""Words that begin a request; a sentence led by one is taken for the instruction."""
WEAK_LEADS: frozenset[str] = frozenset(
    ["if", "given", "based", "let", "suppose", "assume", "your", "you", "i", "we", "my", "up", "in", "the", "there"]
)
"""Words that begin a request as well as a sentence of any story."""

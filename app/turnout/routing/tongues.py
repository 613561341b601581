"""The words that say what is wanted, in other tongues: each reads as its English word, so one set of weights serves all.

German, French, Spanish, Portuguese, Italian, Russian, Chinese and Japanese; facts of those languages, written for this
product. A word that is also an English one ("die", "sans", "data") is left out: no language is guessed.
"""

import re
from collections.abc import Mapping

_WORDS: dict[str, str] = {
    "write": "schreib schreibe schreiben schreibst verfasse verfassen écris écrire écrivez rédige rédiger rédigez escribe"
    " escribir escriba escríbeme redacta redactar escreva escrever escreve redija scrivi scrivere scrivimi напиши написать"
    " напишите составь",
    "create": "erstelle erstellen erstell erzeuge erzeugen crée créer créez génère générer crea crear cree genera generar"
    " crie criar gere gerar creare generare создай создать создайте сгенерируй",
    "implement": "implementiere implementieren implémente implémenter implementa implementar implemente implementare"
    " реализуй реализовать реализуйте",
    "build": "baue bauen entwickle entwickeln programmiere programmieren développe développer desarrolla desarrollar"
    " construye desenvolva construa sviluppa разработай построй",
    "add": "ergänze ergänzen füge hinzu hinzufügen erweitere ajoute ajouter ajoutez añade añadir agrega agregar adicione"
    " adicionar acrescente aggiungi aggiungere добавь добавить добавьте",
    "fix": "behebe beheben beheb behoben repariere reparieren korrigiere korrigieren corrige corriger corrigez répare"
    " réparer arregla arreglar corregir corrija corrigir conserte correggi correggere aggiusta исправь исправить исправьте"
    " почини",
    "bug": "fehler fehlers bogue erreur erreurs fallo fallos erro erros errore errori ошибка ошибку ошибки ошибок баг баги",
    "fails": "schlägt fehl scheitert funktioniert geht stürzt abstürzt hängt échoue plante falla fallan funciona trava falha"
    " fallisce funziona падает зависает вылетает работает redémarre",
    "refactor": "refaktoriere refaktorieren überarbeite umbauen umschreiben refactorise refactoriser refactoriza"
    " refactorizar refatore refatorar rifattorizza отрефактори рефакторинг перепиши переделай",
    "optimize": "optimiere optimieren beschleunige schneller optimiser optimiza optimizar otimize otimizar ottimizza"
    " оптимизируй оптимизировать ускорь быстрее",
    "slow": "langsam dauert lent lente lento lenta tarda demora медленно тормозит",
    "test": "prueba pruebas teste testes тест тесты тестами тестов",
    "function": "funktion funktionen methode fonction fonctions función funciones função funções funzione funzioni функция"
    " функцию функции метод método metodo méthode",
    "class": "klasse klassen clase clases класс класса",
    "code": "quellcode código codice код кода коде",
    "program": "programm programme programa programma программа программу скрипт",
    "list": "liste lista listas список списка",
    "explain": "erkläre erklär erklären erläutere explique expliquer expliquez explica explicar explícame expliques spiega"
    " spiegare spiegami объясни объяснить объясните поясни beschreibe beschreiben décris décrire describir descreva descrivi"
    " опиши",
    "means": "bedeutet heißt signifie significa значит означает",
    "difference": "unterschied unterschiede différence différences diferencia diferencias diferença diferenças differenza"
    " разница разницу отличие отличается",
    "compare": "vergleiche vergleichen vergleich compara comparar confronta сравни сравнить",
    "summarize": "fasse zusammenfassen zusammenfassung zusammen résume résumer résumez resumir resumen resuma resumo"
    " riassumi riassumere riassunto перескажи кратко резюмируй резюме суммируй подытожь",
    "translate": "übersetze übersetzen traduis traduire traduce traducir traduza traduzir traduci переведи перевести",
    "rephrase": "formuliere umformulieren umformuliere reformule reformuler reformula reformular reescribe reescreva"
    " riformula переформулируй höflicher freundlicher formeller poliment",
    "email": "nachricht courriel correo письмо письма сообщение mensagem messaggio mensaje",
    "letter": "anschreiben lettre carta lettera absage einladung bewerbung",
    "story": "geschichte kurzgeschichte histoire conte cuento historia história conto storia racconto рассказ историю сказку",
    "poem": "gedicht poème poema poesia стих стихотворение",
    "text": "texte testo texto текст тексте текста artikel absatz artigo articolo статья статью",
    "ideas": "ideen vorschläge idées ideias идеи vorschlag",
    "extract": "extrahiere extrahieren extrais extraire extrae extraer extraiga extraia extrair estrai estrarre извлеки"
    " извлечь выпиши nenne nenn liste finde finden trouve trouver encuentra encontrar encontre trova trovare найди найти",
    "classify": "klassifiziere klassifizieren ordne einordnen kategorie classifie classer clasifica clasificar clasifique"
    " classifique classificar classifica классифицируй определи категория категорию",
    "positive": "positiv positif positivo positiva позитивный положительный",
    "negative": "negativ négatif négative negativo negativa негативный отрицательный",
    "review": "bewertung bewertungen rezension avis reseña avaliação recensione отзыв отзыва",
    "convert": "wandle umwandeln konvertiere konvertieren convertis convertir convierte converta converter converti"
    " преобразуй конвертируй",
    "rename": "benenne umbenennen renomme renommer renombra renombrar renomeie renomear rinomina переименуй переименовать",
    "sort": "sortiere sortieren trier ordena ordenar ordene ordina отсортируй",
    "count": "zähle zählen compte compter cuenta contar conte conta посчитай сосчитай",
    "change": "ändere ändern ändre änderung changer cambia cambiar mude mudar altere cambiare измени изменить поменяй",
    "delete": "lösche löschen entferne entfernen supprime supprimer elimina eliminar borra borrar exclua remova cancella"
    " удали удалить",
    "open": "öffne öffnen ouvre ouvrir abre abrir abra apri aprire открой",
    "show": "zeige zeigen zeig montre montrer muestra mostrar mostre mostra mostrare покажи показать",
    "setting": "einstellung einstellungen paramètre paramètres réglage ajuste configuración configuração impostazione"
    " настройка настройки",
    "enable": "aktiviere aktivieren einschalten schalte activer activa activar ative ativar attiva включи включить",
    "disable": "deaktiviere deaktivieren ausschalten désactive désactiver desactiva desactivar desative desativar disattiva"
    " выключи отключи отключить",
    "remind": "erinnere erinner rappelle recuérdame lembre ricordami напомни",
    "book": "buche buchen réserve réserver reserva reservar prenota забронируй",
    "what": "welche welcher welches welchen quel quelle quels quelles que qué quoi cuál cuáles qual quais cosa quale что"
    " какой какая какое какие",
    "where": "wo où dónde onde где",
    "when": "wann quand cuándo quando когда",
    "who": "wer qui quién quem chi кто",
    "why": "warum weshalb wieso woran pourquoi porqué perché почему зачем",
    "how": "wie cómo como как",
    "how many": "wieviele wieviel combien cuántos cuántas quantos quantas quanti quante сколько",
    "is": "ist sind sont es está são é è это",
    "does": "macht fait hace faz fa делает",
    "called": "heißt heisst appelle chama chiama называется",
    "please": "bitte svp por favore пожалуйста",
    "thanks": "danke merci gracias obrigado obrigada grazie спасибо",
    "hello": "hallo moin bonjour salut hola olá oi ciao привет здравствуйте",
    "the": "der das dem les gli",
    "a": "ein eine einen einem einer une una uma uno",
    "and": "und и",
    "or": "oder ou или",
    "in": "dans nel nella в",
    "this": "dieser diese dieses diesen diesem ce cette cet ces este esta esto isto essa questo questa этот эта это эту"
    " этого",
    "for": "für para для",
    "with": "mit avec с",
    "without": "ohne sem senza без",
    "prove": "beweise beweisen zeige démontre démontrer prouve demuestra demostrar demonstre dimostra докажи доказать",
    "calculate": "berechne berechnen rechne calcule calculer calcula calcular calcola вычисли рассчитай",
    "solve": "löse lösen résous résoudre resuelve resolver resolva risolvi реши решить",
    "equation": "gleichung équation ecuación equação equazione уравнение",
    "design": "entwirf entwerfen entwurf architektur conçois concevoir diseña diseñar projete projetar progetta спроектируй"
    " архитектура архитектуру arquitectura arquitetura architettura",
    "database": "datenbank données datos dados базы базу",
    "comment": "kommentiere kommentare kommentar commentaire commentaires comentarios comentários комментарии комментарий"
    " docstrings",
    "names": "namen noms nombres nomes nomi имена",
    "dates": "daten datum fechas datas даты",
    "answer": "antworte antwort beantworte réponds réponse responde respuesta responda resposta rispondi risposta ответь"
    " ответ",
    "port": "standardport puerto porta порт",
    "default": "défaut defecto padrão умолчанию",
    "command": "befehl commande comando команда команду",
    "check": "prüfe prüfen überprüfe vérifie vérifier verifica verificar verifique проверь проверить",
    "if": "wenn если",
    "must": "muss soll sollte doit debe deve должен должна",
    "not": "nicht kein keine pas não не",
    "error handling": "fehlerbehandlung",
    "message": "fehlermeldung meldung",
    "variable": "variablen переменная переменную переменной",
    "investigate": "untersuche analysiere analysieren analyser analiza analizar analise analizza проанализируй разберись",
    "many": "viele viel beaucoup muchos muchas muitos muitas molti molte много",
    "total": "insgesamt zusammen gesamt totale всего вместе",
    "each": "jede jeder jedes jeden je pro chaque cada ogni каждый каждая каждую каждое",
    "half": "hälfte halb moitié demi mitad metade metà половина половину",
    "twice": "doppelt zweimal dreimal doble dobro doppio вдвое дважды",
    "costs": "kostet kosten coûte coûtent cuesta cuestan custa custam costa costano стоит стоят",
    "left": "übrig übrigen reste restent queda quedan sobram resta restano осталось остаток",
    "euros": "euro franken dólares rubel рублей рубля доллар долларов доллара",
    "days": "tage tagen jours journée días dias giorni дней дня день",
    "train": "zug tren trem treno поезд",
    "minutes": "minuten minutos minuti минут минуты",
    "hours": "stunden heures horas часов часа uhr",
    "typo": "tippfehler schreibfehler faute fautes tipográfico tipográficos digitação battitura опечатка опечатку опечатки",
    "spelling": "rechtschreibung orthographe ortografía ortografia орфография орфографию",
    "indentation": "einrückung einrückungen sangría indentación indentação indentazione отступ отступы",
    "formatting": "formatierung formatage formateo formatação formattazione форматирование",
    "unused": "unbenutzte unbenutzten ungenutzte ungenutzten inutilisé inutilisés inutilizado inutilizzato неиспользуемый"
    " неиспользуемые",
    "missing": "fehlende fehlenden fehlendes manquant manquante faltante mancante недостающий недостающую",
    "comma": "komma virgule vírgula virgola запятая запятую",
    "line": "zeile leerzeile ligne línea linha riga строка строку",
    "leak": "speicherleck fuite fuites fuga vazamento утечка утечку утечки",
    "memory": "speicher mémoire memoria memória память памяти",
    "crash": "absturz plantage падение падения",
    "deadlock": "verklemmung blocage bloqueo blocco блокировка блокировку",
    "race": "wettlaufsituation гонка гонку",
    "failing": "fehlschlagenden fehlschlagende падающий падающие",
}  # fmt: skip

_SIGNS: dict[str, str] = {
    "write": "写 编写 撰写 书いて 書いて 書く 作文",
    "create": "创建 生成 作成 作って 生成して 创作",
    "implement": "实现 実装 开发 開発 封装",
    "add": "添加 加上 增加 新增 追加 加入",
    "fix": "修复 修正 解决 修理 直して 修正して 解決 改正",
    "bug": "错误 报错 异常 漏洞 故障 バグ エラー 不具合",
    "fails": "失败 崩溃 卡死 死锁 泄漏 泄露 超时 闪退 无法 リーク デッドロック 失敗 落ちる 動かない 動きません 不工作 启动不了",
    "refactor": "重构 改写成 改成异步 リファクタ リファクタリング 拆分 改造",
    "optimize": "优化 加速 性能优化 最適化 高速化 提高性能",
    "slow": "很慢 太慢 变慢 遅い",
    "test": "测试 单元测试 テスト 单测",
    "function": "函数 方法 関数 接口 メソッド",
    "class": "类 クラス",
    "code": "代码 コード 源码 程序 脚本 プログラム",
    "explain": "解释 说明 讲解 介绍 説明 解説 阐述 描述 通俗",
    "means": "意思 含义 是什么 什么是 意味 とは 做什么 作用",
    "difference": "区别 差异 不同 違い",
    "compare": "比较 对比 比較 优缺点 利弊",
    "summarize": "总结 概括 摘要 归纳 概述 要約 まとめ まとめて 总结一下",
    "translate": "翻译 翻訳 译成",
    "rephrase": "改写 润色 改得 重写 换一种说法 礼貌 言い換え 丁寧 扩写 缩写 续写",
    "email": "邮件 电子邮件 メール 短信",
    "story": "故事 小说 童话 物語 小説",
    "poem": "诗 诗歌 古诗 诗句 俳句 散文",
    "article": "文章 短文 作文 博客 文案 記事 演讲稿 新闻稿",
    "text": "文本 文字 段落 这段话 下面的话 句子 テキスト 文",
    "ideas": "想法 建议 点子 方案 头脑风暴 提案 名字 标题 口号",
    "extract": "提取 抽取 找出 列出 抽出 抜き出 列出来",
    "classify": "分类 归类 判断 属于 哪一类 分類 类别 标签 情感",
    "positive": "正面 积极 肯定",
    "negative": "负面 消极 否定",
    "review": "评论 评价 レビュー",
    "convert": "转换 转成 转为 变換 変換 换算",
    "rename": "重命名 改名 变量名 名前を変更",
    "change": "改成 修改 更改 替换 変更 改为",
    "sort": "排序",
    "delete": "删除 移除 去掉 削除",
    "open": "打开 開いて",
    "show": "查看 显示 展示 表示",
    "setting": "设置 配置 設定",
    "disable": "关闭 禁用 オフ 無効",
    "enable": "开启 启用 オン 有効",
    "remind": "提醒 闹钟",
    "book": "预订 预约 予約",
    "what": "什么 哪个 哪些 何 どの 哪种",
    "where": "哪里 在哪 どこ",
    "when": "什么时候 何时 いつ",
    "who": "谁 誰",
    "why": "为什么 为何 怎么回事 なぜ どうして 原因",
    "how": "怎么 如何 怎样 どう どうやって 怎么办",
    "how many": "多少 几个 いくつ 几 いくら 何個 何日 何人 何枚",
    "left": "还剩 剩下 剩余 残り 残ります",
    "each": "每个 每盒 每人 每次 毎日 毎週 ずつ",
    "half": "一半 半分",
    "twice": "两倍 倍",
    "costs": "元 美元 ドル 円",
    "is": "是 です ですか 是否",
    "please": "请 帮我 麻烦 ください 请问 お願い",
    "thanks": "谢谢 ありがとう",
    "hello": "你好 こんにちは 您好",
    "prove": "证明 証明",
    "calculate": "计算 求出 求 計算",
    "solve": "解方程 求解 解答 方程 解いて",
    "design": "设计 架构 設計 系统设计",
    "investigate": "排查 定位 调查 分析 調べ 分析して",
    "concurrent": "并发 高并发 线程安全 线程 スレッド 分布式 同時実行",
    "memory": "内存 メモリ 缓存 キャッシュ",
    "performance": "性能 吞吐",
    "page": "分页 页面",
    "comment": "注释 コメント",
    "names": "人名 姓名 名称",
    "dates": "日期 时间 日付",
    "answer": "回答 答案 答え",
    "according": "根据 依据 基于 按照 によると",
    "following": "以下 下面 下列 次の 上面 如下 以上",
    "question": "问题 質問",
    "default": "默认 デフォルト",
    "port": "端口 ポート",
    "command": "命令 コマンド",
    "variable": "变量 変数",
    "support": "支持 対応 兼容",
    "export": "导出 导入 エクスポート インポート",
    "per hour": "每小时 每分钟 每天 時速",
    "together": "一共 共有 总共 合计 平均 合計 全部で",
    "recommend": "推荐 推薦 おすすめ",
    "typo": "错别字 错字 笔误 誤字 タイポ",
    "spelling": "拼写 スペル",
    "indentation": "缩进 インデント",
    "unused": "未使用 没用到",
    "line": "这一行 空行 この行",
    "comma": "逗号 分号",
}

_WORD_GLOSS: dict[str, tuple[str, ...]] = {
    foreign: tuple(english.split()) for english, many in _WORDS.items() for foreign in many.split()
}
GLOSS: Mapping[str, tuple[str, ...]] = _WORD_GLOSS
"""A word in lower case to the English words it is read as."""

_SIGN_GLOSS: dict[str, str] = {sign: f" {english} " for english, many in _SIGNS.items() for sign in many.split()}
_FIRST = re.compile(f"[{''.join(sorted({sign[0] for sign in _SIGN_GLOSS}))}]")


def _by_first() -> dict[str, list[str]]:
    """The longest word first: it wins."""
    table: dict[str, list[str]] = {}
    for sign in sorted(_SIGN_GLOSS, key=len, reverse=True):
        table.setdefault(sign[0], []).append(sign)
    return table


_BY_FIRST = _by_first()


def english_signs(text: str) -> str:
    """Chinese and Japanese words that are known, put into English where they stand."""
    said: list[str] = []
    done = 0
    for found in _FIRST.finditer(text):
        at = found.start()
        if at < done:
            continue
        for sign in _BY_FIRST[text[at]]:
            if text.startswith(sign, at):
                said += (text[done:at], _SIGN_GLOSS[sign])
                done = at + len(sign)
                break
    said.append(text[done:])
    return "".join(said)


def english(tokens: list[str]) -> list[str]:
    """The tokens with foreign words that are known put into English."""
    if _WORD_GLOSS.keys().isdisjoint(tokens):
        return tokens
    said: list[str] = []
    for token in tokens:
        known = _WORD_GLOSS.get(token)
        if known is None:
            said.append(token)
        else:
            said += known
    return said

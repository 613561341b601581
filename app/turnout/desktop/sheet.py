"""The style sheet: what Qt's own widgets look like under the tokens. Names (`#card`) are given by `widgets`."""

from turnout.desktop.theme import Tokens, px


def sheet(t: Tokens) -> str:
    radius, small = px(8), px(6)
    line = px(30)
    handle = "#343B47" if t.dark else "#CDD3DC"
    return f"""
    #root, #page, #pages {{ background: {t.bg}; }}
    #side {{ background: {t.side}; border-right: 1px solid {t.border}; }}
    #card {{ background: {t.card}; border: 1px solid {t.border}; border-radius: {px(12)}px; }}
    #inset {{ background: {t.bg}; border: 1px solid {t.border}; border-radius: {radius}px; }}
    #popup {{ background: {t.raised}; border: 1px solid {t.strong}; border-radius: {px(12)}px; }}
    #rule {{ background: {t.border}; }}
    #detail {{ background: {t.card}; border-left: 1px solid {t.border}; }}
    QScrollArea, #clear {{ background: transparent; border: 0; }}

    QLabel {{ background: transparent; color: {t.text}; }}
    QLabel[tone="muted"] {{ color: {t.muted}; }} QLabel[tone="faint"] {{ color: {t.faint}; }}
    QLabel[tone="good"] {{ color: {t.good}; }} QLabel[tone="warn"] {{ color: {t.warn}; }}
    QLabel[tone="bad"] {{ color: {t.bad}; }} QLabel[tone="accent"] {{ color: {t.accent}; }}
    QLabel[pill="good"] {{ background: {t.good_bg}; color: {t.good}; border-radius: {px(9)}px; padding: 0 {px(8)}px; }}
    QLabel[pill="warn"] {{ background: {t.warn_bg}; color: {t.warn}; border-radius: {px(9)}px; padding: 0 {px(8)}px; }}
    QLabel[pill="bad"] {{ background: {t.bad_bg}; color: {t.bad}; border-radius: {px(9)}px; padding: 0 {px(8)}px; }}
    QLabel[pill="quiet"] {{ background: {t.track}; color: {t.muted}; border-radius: {px(9)}px; padding: 0 {px(8)}px; }}
    QLabel[pill="accent"] {{ background: {t.accent_bg}; color: {t.accent}; border-radius: {px(9)}px; padding: 0 {px(8)}px; }}

    #note[kind="info"] {{ background: {t.accent_bg}; border-radius: {radius}px; }}
    #note[kind="good"] {{ background: {t.good_bg}; border-radius: {radius}px; }}
    #note[kind="warn"] {{ background: {t.warn_bg}; border-radius: {radius}px; }}
    #note[kind="bad"] {{ background: {t.bad_bg}; border-radius: {radius}px; }}

    #nav {{ text-align: left; border: 1px solid transparent; border-radius: {px(7)}px; padding: {px(6)}px {px(9)}px;
            color: {t.muted}; background: transparent; }}
    #nav:hover {{ background: {t.hover if t.dark else "#E6E9EE"}; color: {t.text}; }}
    #nav:checked {{ background: {t.select}; color: {t.text}; }}
    #nav:focus {{ outline: none; border-color: {t.accent}; }}

    QPushButton[look="plain"], QToolButton[look="plain"] {{ border: 1px solid {t.strong}; border-radius: {radius}px; background: {t.card};
        color: {t.text}; padding: 0 {px(12)}px; min-height: {line - 2}px; }}
    QPushButton[look="plain"]:hover, QToolButton[look="plain"]:hover {{ background: {t.hover}; }}
    QPushButton[look="plain"]:pressed, QToolButton[look="plain"]:pressed {{ background: {t.select}; }}
    QPushButton[look="plain"]:disabled, QToolButton[look="plain"]:disabled {{ color: {t.faint}; border-color: {t.border}; }}
    QPushButton[look="main"] {{ border: 1px solid {t.fill}; border-radius: {radius}px; background: {t.fill}; color: #FFFFFF;
        padding: 0 {px(14)}px; min-height: {line - 2}px; }}
    QPushButton[look="main"]:hover {{ background: {"#7070E8" if t.dark else "#4F4FC4"}; }}
    QPushButton[look="main"]:disabled {{ background: {t.track}; border-color: {t.track}; color: {t.faint}; }}
    QPushButton[look="danger"] {{ border: 1px solid {t.strong}; border-radius: {radius}px; background: {t.card}; color: {t.bad};
        padding: 0 {px(12)}px; min-height: {line - 2}px; }}
    QPushButton[look="danger"]:hover {{ background: {t.bad_bg}; border-color: {t.bad}; }}
    QPushButton[look="bare"], QToolButton[look="bare"] {{ border: 1px solid transparent; border-radius: {small}px; background: transparent;
        color: {t.muted}; padding: {px(4)}px {px(6)}px; }}
    QPushButton[look="bare"]:hover, QToolButton[look="bare"]:hover {{ background: {t.hover}; color: {t.text}; }}
    QPushButton[look="link"] {{ border: 1px solid transparent; border-radius: {small}px; background: transparent; color: {t.accent}; padding: {px(2)}px {px(4)}px; }}
    QPushButton[side="right"] {{ text-align: right; }}
    QPushButton[look="link"]:hover {{ text-decoration: underline; }}
    QPushButton[look]:focus, QToolButton[look]:focus {{ outline: none; border-color: {t.accent}; }}
    QPushButton[look="main"]:focus {{ border-color: {t.text}; }}
    QToolButton::menu-indicator {{ image: none; width: 0; }}

    #segments {{ background: {t.track}; border-radius: {radius}px; }}
    #segment {{ border: 1px solid transparent; border-radius: {small}px; padding: 0 {px(11)}px; margin: 2px; min-height: {line - 8}px;
        color: {t.muted}; background: transparent; }}
    #segment:hover {{ color: {t.text}; }}
    #segment:checked {{ background: {t.card if not t.dark else t.strong}; color: {t.text}; border-color: {t.border}; }}
    #segment:focus {{ border-color: {t.accent}; outline: none; }}

    QLineEdit, QComboBox, QSpinBox, QDoubleSpinBox {{ background: {t.card}; border: 1px solid {t.strong}; border-radius: {radius}px;
        padding: 0 {px(10)}px; min-height: {line - 2}px; color: {t.text}; selection-background-color: {t.fill}; selection-color: #FFFFFF; }}
    QLineEdit:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus {{ border-color: {t.accent}; }}
    QLineEdit[wrong="true"] {{ border-color: {t.bad}; }}
    QLineEdit:disabled, QComboBox:disabled {{ color: {t.faint}; background: {t.bg}; }}
    QLineEdit#bare {{ background: transparent; border: 0; padding: 0; }}
    QComboBox::drop-down {{ border: 0; width: {px(24)}px; }}
    QComboBox QAbstractItemView {{ background: {t.raised}; border: 1px solid {t.strong}; border-radius: {small}px; padding: {px(4)}px;
        color: {t.text}; selection-background-color: {t.select}; selection-color: {t.text}; outline: 0; }}
    QPlainTextEdit {{ background: {t.card}; border: 1px solid {t.strong}; border-radius: {radius}px; color: {t.text};
        selection-background-color: {t.fill}; selection-color: #FFFFFF; padding: {px(6)}px; }}
    QPlainTextEdit:focus {{ border-color: {t.accent}; }}
    QPlainTextEdit#flat {{ border: 1px solid transparent; background: transparent; padding: 0; }}
    QPlainTextEdit#flat:focus {{ border-color: {t.accent}; }}

    QCheckBox {{ color: {t.text}; spacing: {px(8)}px; background: transparent; }}
    QAbstractItemView {{ background: transparent; border: 1px solid transparent; border-radius: {small}px; color: {t.text}; outline: 0; }}
    QAbstractItemView[keyed="true"] {{ border-color: {t.accent}; }}
    QHeaderView {{ background: transparent; border: 0; }}
    QHeaderView::section {{ background: transparent; border: 0; color: {t.faint}; padding: 0 {px(8)}px; }}
    QTableCornerButton::section {{ background: transparent; }}
    #step {{ background: {t.accent_bg}; color: {t.accent}; border-radius: {px(13)}px; }}
    #step[done="true"] {{ background: {t.good_bg}; color: {t.good}; }}
    #commands::item {{ border-radius: {small}px; padding: 0 {px(8)}px; color: {t.text}; }}
    #commands::item:selected {{ background: {t.select}; color: {t.text}; }}
    #commands::item:hover:!selected {{ background: {t.hover}; }}
    QListView#list::item {{ border-radius: {small}px; }}

    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar::handle:vertical {{ background: {handle}; border-radius: 3px; margin: 2px; min-height: {px(34)}px; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
    QScrollBar::handle:horizontal {{ background: {handle}; border-radius: 3px; margin: 2px; min-width: {px(34)}px; }}
    QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{ width: 0; height: 0; background: transparent; }}
    QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.strong}; padding: {px(4)}px {px(6)}px; }}
    QMenu {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.strong}; border-radius: {radius}px; padding: {px(4)}px; }}
    QMenu::item {{ padding: {px(5)}px {px(22)}px; border-radius: {small}px; }}
    QMenu::item:selected {{ background: {t.select}; }}
    QMenu::item:disabled {{ color: {t.faint}; }}
    QMenu::separator {{ height: 1px; background: {t.border}; margin: {px(4)}px {px(6)}px; }}
    QSplitter::handle {{ background: transparent; }}
    """

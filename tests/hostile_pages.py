"""What tests of pages share: text that wants to become markup, and a reader of tags."""

from html.parser import HTMLParser

HOSTILE = "</pre></details><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\x00 &amp; {style}"


class Tags(HTMLParser):
    """The tags of a page, and whether each is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        assert not [name for name, _ in attributes if name.startswith("on") or name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

TAG.STALE /a
TAG.ADD /a news sport
TAG.ADD /b news
TAG.ADD /a news
TAG.KEYS news
TAG.KEYS sport
TAG.STALE /a
TAG.PURGE weather
TAG.STALE /a
@wait 20
TAG.PURGE sport weather
TAG.STALE /a
TAG.STALE /b
@wait 20
TAG.ADD /a news
TAG.STALE /a
TAG.DEL /a news other
TAG.KEYS news
TAG.DEL /a
TAG.DEL /a
TAG.KEYS sport
TAG.ADD /a
TAG.ADD /a ''
TAG.STALE ''
EXISTS /a
DBSIZE

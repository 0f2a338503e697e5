"""Names that drawn systems use."""

_NOUNS = """
catalog cart orders payments pricing inventory shipping accounts profile search reviews recommendations
notifications billing invoices taxes returns refunds loyalty coupons wishlist media sessions identity audit
reports exports imports tickets calendar bookings rooms routes drivers fleet tracking geocoding weather quotes
policies claims documents signatures archive analytics segments campaigns mailer messages chat presence feeds
timeline follows moderation translations currency ledger transfers cards limits fraud scoring onboarding
devices telemetry firmware rules alerts maps tiles storage
"""
NOUNS = tuple(_NOUNS.split())
DATABASES = ("orders-db", "users-db", "catalog-db", "billing-db", "events-db", "content-db", "ledger-db", "geo-db")
PROVIDERS = ("cardpay", "mailsend", "smsgate", "taxcalc", "geolookup", "idverify", "shiprates", "fxrates")
JOBS = ("nightly-report", "cleanup", "reindex", "invoice-run", "sync-stock", "export-data", "thumbnail-run", "rollup")
TOPICS = (
    *("orders.created", "emails.send", "stock.changed", "images.resize", "events.tracked", "payments.settled"),
    *("search.index", "exports.run", "users.changed", "reports.build", "audit.write", "prices.changed"),
    *("labels.print", "feeds.fan-out", "scores.update", "tiles.render", "cards.issued", "claims.filed"),
)
VERBS = ("GET /{0}/{{id}}", "POST /{0}", "GET /{0}")

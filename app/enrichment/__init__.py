"""GeoIP, minFraud and FraudRecord: what others know of a customer, evidence only and all off by default; may import
config and core. Further sources come here.
"""

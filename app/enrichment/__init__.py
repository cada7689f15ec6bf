"""GeoIP, minFraud and FraudRecord: external evidence about a customer, all off by default; may import
config and core. Further sources belong here.
"""

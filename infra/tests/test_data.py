"""The database and the secrets: encrypted, reached by the tasks alone, not deleted by mistake."""

from __future__ import annotations

from tests.conftest import Read, resources


def test_the_database_is_encrypted_and_nobody_outside_reaches_it(template: Read, stage: str) -> None:
    data = template(stage, "Data")

    (cluster,) = resources(data, "AWS::RDS::DBCluster").values()
    assert cluster["Properties"]["StorageEncrypted"] is True
    assert "Fn::GetAtt" in cluster["Properties"]["KmsKeyId"]
    for instance in resources(data, "AWS::RDS::DBInstance").values():
        assert instance["Properties"]["PubliclyAccessible"] is False
    # In the subnets that have no way out.
    (group,) = resources(data, "AWS::RDS::DBSubnetGroup").values()
    assert all("VpcDataSubnet" in subnet["Fn::ImportValue"] for subnet in group["Properties"]["SubnetIds"])


def test_only_the_tasks_may_call_the_database(template: Read, stage: str) -> None:
    network = template(stage, "Network")
    groups = resources(network, "AWS::EC2::SecurityGroup")
    (database,) = [name for name in groups if name.startswith("Database")]

    callers = [
        rule["Properties"]
        for rule in resources(network, "AWS::EC2::SecurityGroupIngress").values()
        if rule["Properties"]["GroupId"]["Fn::GetAtt"][0] == database
    ]

    assert "SecurityGroupIngress" not in groups[database]["Properties"]
    assert [(rule["FromPort"], rule["SourceSecurityGroupId"]["Fn::GetAtt"][0][:5]) for rule in callers] == [
        (5432, "Tasks")
    ]


def test_connections_are_refused_without_tls(template: Read, stage: str) -> None:
    (parameters,) = resources(template(stage, "Data"), "AWS::RDS::DBClusterParameterGroup").values()

    assert parameters["Properties"]["Parameters"]["rds.force_ssl"] == "1"


def test_rds_makes_and_changes_the_password(template: Read, stage: str) -> None:
    (cluster,) = resources(template(stage, "Data"), "AWS::RDS::DBCluster").values()

    assert cluster["Properties"]["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in cluster["Properties"]


def test_production_has_a_reader_and_backups_of_35_days_and_is_not_deleted(template: Read) -> None:
    for stage in ("production-eu", "production-ap"):
        data = template(stage, "Data")
        (cluster,) = resources(data, "AWS::RDS::DBCluster").values()

        assert cluster["Properties"]["BackupRetentionPeriod"] == 35
        assert cluster["Properties"]["DeletionProtection"] is True
        assert (cluster["DeletionPolicy"], cluster["UpdateReplacePolicy"]) == ("Retain", "Retain")
        assert len(resources(data, "AWS::RDS::DBInstance")) == 2


def test_secrets_are_made_encrypted_and_no_value_stands_in_a_template(template: Read, stage: str) -> None:
    for secret in resources(template(stage, "Data"), "AWS::SecretsManager::Secret").values():
        assert "KmsKeyId" in secret["Properties"]
        assert secret["Properties"]["GenerateSecretString"]["PasswordLength"] == 64
        assert "SecretString" not in secret["Properties"]


def test_keys_are_changed_every_year(template: Read, stage: str) -> None:
    for stack in ("Data", "Events"):
        for key in resources(template(stage, stack), "AWS::KMS::Key").values():
            assert key["Properties"]["EnableKeyRotation"] is True

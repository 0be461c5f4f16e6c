using System.Net;
using Microsoft.Extensions.Configuration;
using Nixl.Sdk.Hosting;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Hosting;

/// <summary>What operators write for vLLM, from JSON, appsettings and environment variables: good ones, and everything that is wrong with bad ones.</summary>
public sealed class KvTransferConfigTests
{
    [Theory]
    [InlineData("""{"kv_connector":"NixlConnector","kv_role":"kv_both"}""", KvRole.Both, null)]
    [InlineData("""{"kv_connector":"NixlPushConnector","kv_role":"kv_producer","kv_buffer_device":"cpu"}""", KvRole.Producer, null)]
    [InlineData("""{"kv_connector":"NixlConnector","kv_role":"kv_consumer","kv_connector_extra_config":{"backends":["LIBFABRIC"]}}""", KvRole.Consumer, NixlTransports.Fabric)]
    [InlineData("""{"kv_connector":"NixlConnector","kv_role":"kv_both","kv_connector_extra_config":{"backends":["LOCAL","LIBFABRIC"],"num_threads":4}}""", KvRole.Both, NixlTransports.Local | NixlTransports.Fabric)]
    [InlineData("""{"kv_connector":"NixlConnector","kv_role":"kv_both","kv_connector_extra_config":null,"kv_ip":null}""", KvRole.Both, null)]
    [InlineData("""{"kv_connector":"NixlConnector","kv_role":"kv_both","kv_connector_extra_config":{}}""", KvRole.Both, null)]
    public void Good_ones_are_read(string json, KvRole role, NixlTransports? transports)
    {
        var config = KvTransferConfig.Parse(json);
        Assert.Equal((role, transports), (config.Role, config.Transports));
        Assert.Equal((null, null, null, ArrivalPolicy.FailClosed), (config.LeaseDuration, config.Port, config.Address, config.FailurePolicy));
        Assert.Null(config.Checksums);
    }

    private static readonly Dictionary<string, string?> Everything = new()
    {
        ["kv_connector"] = "NixlConnector", ["kv_role"] = "kv_both", ["kv_buffer_device"] = "cpu", ["kv_load_failure_policy"] = "recompute",
        ["kv_ip"] = "10.0.0.7", ["kv_port"] = "14579", ["kv_rank"] = "1", ["kv_parallel_size"] = "2", ["kv_buffer_size"] = "1e9",
        ["engine_id"] = "decode-0", ["enable_permute_local_kv"] = "false", ["kv_connector_extra_config:kv_lease_duration"] = "60", ["kv_connector_extra_config:checksums"] = "true",
    };

    [Theory]
    [InlineData("json")]
    [InlineData("appsettings")]
    [InlineData("environment")]
    [InlineData("json in the environment")]
    public void Every_key_is_read_from_every_source(string source)
    {
        const string json = """
            {"kv_connector":"NixlConnector","kv_role":"kv_both","kv_buffer_device":"cpu","kv_load_failure_policy":"recompute","kv_ip":"10.0.0.7","kv_port":14579,
             "kv_rank":1,"kv_parallel_size":2,"kv_buffer_size":1e9,"engine_id":"decode-0","enable_permute_local_kv":false,
             "kv_connector_extra_config":{"backends":["LOCAL","LIBFABRIC"],"kv_lease_duration":60,"checksums":true}}
            """;
        var config = source switch
        {
            "json" => KvTransferConfig.Parse(json),
            "appsettings" => KvTransferConfig.Read(Section(new(Everything) { ["kv_connector_extra_config:backends:0"] = "LOCAL", ["kv_connector_extra_config:backends:1"] = "LIBFABRIC" })),
            "environment" => FromEnvironment(new(Everything) { ["kv_connector_extra_config:backends"] = "LOCAL, LIBFABRIC" }),
            _ => FromEnvironment(new() { [""] = json }),
        };
        Assert.Equal(("NixlConnector", KvRole.Both, ArrivalPolicy.Recompute), (config.Connector, config.Role, config.FailurePolicy));
        Assert.Equal((IPAddress.Parse("10.0.0.7"), 14579, "decode-0"), (config.Address!, config.Port!.Value, config.EngineId));
        Assert.Equal((NixlTransports.Local | NixlTransports.Fabric, TimeSpan.FromSeconds(60)), (config.Transports!.Value, config.LeaseDuration!.Value));
        Assert.True(config.Checksums);
        Assert.Equal(["enable_permute_local_kv", "engine_id", "kv_buffer_size", "kv_parallel_size", "kv_rank"], config.WithoutEffect.Order(StringComparer.Ordinal));
    }

    public static TheoryData<string, string[]> Bad => new()
    {
        { "{}", ["kv_connector: is missing; it is NixlConnector or NixlPushConnector", "kv_role: is missing; it is kv_producer, kv_consumer or kv_both"] },
        { "", ["it is not JSON"] },
        { """{"kv_role":}""", ["it is not JSON"] },
        { """["kv_role"]""", ["must be an object"] },
        { "7", ["must be an object"] },
        { With("\"kv_roel\":\"kv_both\""), ["kv_roel: is not a known key; known are enable_permute_local_kv, engine_id, kv_buffer_device"] },
        { With("\"KV_ROLE\":\"kv_both\""), ["KV_ROLE: is not a known key"] },
        { With("\"kv_role\":\"kv_both\""), ["kv_role: stands there 2 times"] },
        { """{"kv_connector":"LMCacheConnectorV1","kv_role":"kv_master"}""", ["'LMCacheConnectorV1' is not one of: NixlConnector, NixlPushConnector", "'kv_master' is not one of: kv_producer, kv_consumer, kv_both"] },
        { """{"kv_connector":["NixlConnector"],"kv_role":null}""", ["kv_connector: must be a single value", "kv_role: has no value"] },
        { With("\"kv_buffer_device\":\"cuda\""), ["kv_buffer_device: 'cuda' is not there yet", "Allowed: cpu"] },
        { With("\"kv_buffer_device\":\"tpu\""), ["'tpu' is not one of: cpu"] },
        { With("\"kv_load_failure_policy\":\"ignore\""), ["'ignore' is not one of: fail, recompute"] },
        { With("\"kv_ip\":\"host-7\""), ["kv_ip: 'host-7' is not an IP address"] },
        { With("\"kv_port\":70000"), ["kv_port: '70000' is not a whole number from 1 to 65535"] },
        { With("\"kv_port\":14.5"), ["kv_port: '14.5'"] },
        { With("\"kv_rank\":2,\"kv_parallel_size\":2"), ["kv_rank: 2 must be smaller than kv_parallel_size, which is 2"] },
        { With("\"kv_rank\":1"), ["kv_rank: 1 must be smaller than kv_parallel_size, which is 1"] },
        { With("\"engine_id\":\"a/b\""), ["engine_id: 'a/b' does not match"] },
        { With("\"kv_connector_module_path\":\"my.module\""), ["names a Python module"] },
        { With("\"enable_permute_local_kv\":true"), ["enable_permute_local_kv: 'true' is not false"] },
        { With("\"kv_connector_extra_config\":\"backends\""), ["kv_connector_extra_config: must be an object"] },
        { Extra("\"backends\":[\"UCX\"]"), ["kv_connector_extra_config.backends[0]: 'UCX' is not there yet", "Allowed: LIBFABRIC, LOCAL, LOOPBACK"] },
        { Extra("\"backends\":[\"LOCAL\",\"GDS\",\"libfabric\"]"), ["backends[1]: 'GDS' is no backend", "backends[2]: 'libfabric' is no backend"] },
        { Extra("\"backends\":[\"LOCAL\",\"LOCAL\"]"), ["backends[1]: 'LOCAL' is named twice"] },
        { Extra("\"backends\":[]"), ["backends: is empty"] },
        { Extra("\"backends\":[[\"LOCAL\"]]"), ["backends[0]: '' is no backend"] },
        { Extra("\"kv_lease_duration\":0"), ["kv_lease_duration: '0' is not a number from 1 to 86400"] },
        { Extra("\"kv_lease_duration\":\"long\""), ["kv_lease_duration: 'long'"] },
        { Extra("\"checksums\":1"), ["kv_connector_extra_config.checksums: '1' is not true or false"] },
        { Extra("\"lease\":5"), ["kv_connector_extra_config.lease: is not a known key; known are backends, checksums, kv_lease_duration, num_threads"] },
    };

    [Theory, MemberData(nameof(Bad))]
    public void Bad_ones_are_refused_with_where_it_stands_and_what_is_allowed(string json, string[] expected)
    {
        var error = Assert.Throws<KvTransferConfigException>(() => KvTransferConfig.Parse(json));
        Assert.All(expected, text => Assert.Contains(text, error.Message, StringComparison.Ordinal));
        Assert.Equal(error.Problems.Distinct(), error.Problems);
    }

    [Fact]
    public void All_problems_are_listed_and_configuration_says_where_they_stand_in_its_own_way()
    {
        var wrong = new Dictionary<string, string?>
        {
            ["kv_connector"] = "NixlConnector", ["kv_role"] = "both", ["kv_port"] = "-1", ["kv_connector_extra_config:backends:0"] = "UCX", ["kv_connector_extra_config:backend"] = "LOCAL",
        };
        var error = Assert.Throws<KvTransferConfigException>(() => KvTransferConfig.Read(Section(wrong)));
        Assert.Equal(4, error.Problems.Count);
        foreach (var path in (string[])["KvTransfer:kv_role", "KvTransfer:kv_port", "KvTransfer:kv_connector_extra_config:backends:0", "KvTransfer:kv_connector_extra_config:backend:"])
            Assert.Contains(error.Problems, problem => problem.StartsWith(path, StringComparison.OrdinalIgnoreCase));
        Assert.Equal(2, Assert.Throws<KvTransferConfigException>(() => KvTransferConfig.Read(Section([]))).Problems.Count);
    }

    private static string With(string more) => $$"""{"kv_connector":"NixlConnector","kv_role":"kv_both",{{more}}}""";

    private static string Extra(string more) => With($$"""  "kv_connector_extra_config":{{{more}}} """);

    private static IConfigurationSection Section(Dictionary<string, string?> values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.ToDictionary(pair => $"KvTransfer:{pair.Key}", pair => pair.Value)).Build().GetSection("KvTransfer");

    private static KvTransferConfig FromEnvironment(Dictionary<string, string?> values)
    {
        var prefix = $"NIXLTEST{Guid.NewGuid():N}_";
        var names = values.ToDictionary(pair => $"{prefix}KvTransfer{(pair.Key.Length > 0 ? "__" : "")}{pair.Key.Replace(":", "__", StringComparison.Ordinal)}", pair => pair.Value);
        foreach (var (name, value) in names) Environment.SetEnvironmentVariable(name, value);
        try
        {
            return KvTransferConfig.Read(new ConfigurationBuilder().AddEnvironmentVariables(prefix).Build().GetSection("KvTransfer"));
        }
        finally
        {
            foreach (var name in names.Keys) Environment.SetEnvironmentVariable(name, null);
        }
    }
}

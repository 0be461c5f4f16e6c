using System.Net;
using Microsoft.Extensions.Options;

namespace Nixl.Sdk.Hosting;

/// <summary>Checks addresses, keys, and what the exchange itself demands.</summary>
internal sealed class NixlExchangeOptionsConsistency : IValidateOptions<NixlExchangeOptions>
{
    public ValidateOptionsResult Validate(string? name, NixlExchangeOptions options)
    {
        var problems = new List<string>();
        var listens = string.IsNullOrEmpty(options.Listen) || IPEndPoint.TryParse(options.Listen, out _);
        if (!listens) problems.Add($"Listen '{options.Listen}' is not an IP address and port such as 127.0.0.1:7400.");
        if (KeyReader.Check("NixlExchange", options.Key, options.KeyFile) is { } problem) problems.Add(problem);
        foreach (var (agent, address) in options.Peers)
        {
            if (!NixlAgentOptions.IsValidName(agent)) problems.Add($"Peers: '{agent}' is not an agent name.");
            if (!NixlExchangeOptions.TryParseHost(address, out _, out _)) problems.Add($"Peers:{agent} '{address}' is not host:port.");
        }
        if (problems.Count == 0)
        {
            try
            {
                options.ToExchangeOptions(KeyReader.Read(options.Key, options.KeyFile)).Validate();
            }
            catch (ArgumentException error)
            {
                problems.Add(error.Message);
            }
        }
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems.Select(text => $"NixlExchange: {text}"));
    }
}

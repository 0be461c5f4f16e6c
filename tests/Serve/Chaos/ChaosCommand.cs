using System.CommandLine;

namespace Nixl.Sdk.Serve;

/// <summary><c>chaos [MINUTES] [SEED]</c></summary>
internal static class ChaosCommand
{
    internal static Command Create()
    {
        var minutes = new Argument<double>("minutes") { Description = "How long things go wrong.", DefaultValueFactory = _ => 2 };
        var seed = new Argument<int?>("seed") { Description = "Decides what goes wrong and when. [random]", DefaultValueFactory = _ => null };
        var transport = new Option<string>("--transport") { Description = "What carries the KV cache: local or fabric.", DefaultValueFactory = _ => "local" };
        transport.AcceptOnlyFromAmong("local", "fabric");
        minutes.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (> 0 and <= 24 * 60)) result.AddError("MINUTES must be more than 0 and at most 1440.");
        });
        var command = new Command("chaos", "Kills, stops and restarts engines under load, cuts connections, aborts requests; then every answer, block and counter has to be right.")
        {
            minutes, seed, transport,
        };
        command.SetAction(async (parse, cancellation) =>
        {
            var options = new ChaosOptions
            {
                Seed = parse.GetValue(seed) ?? Random.Shared.Next(), Duration = TimeSpan.FromMinutes(parse.GetValue(minutes)), Transport = parse.GetValue(transport)!,
            };
            Console.WriteLine($"seed {options.Seed}");
            var report = await ChaosRun.RunAsync(options, Console.WriteLine, cancellation);
            Console.Write(report);
            return report.Passed ? 0 : 1;
        });
        return command;
    }
}

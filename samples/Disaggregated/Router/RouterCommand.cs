using System.CommandLine;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary><c>router</c>: the HTTP server in front of the engines.</summary>
internal static class RouterCommand
{
    internal static Command Create()
    {
        var listen = ListenAddress.Option("--listen", "127.0.0.1:8080");
        var hosts = ListenAddress.Hosts();
        var queue = CommonOptions.Positive("--queue", "The most answers on their way at once; one more is refused with 429.", 256);
        var deadAfter = CommonOptions.Seconds("--dead-after", "An engine that is silent for so many seconds counts as dead.", 6);
        var timeout = CommonOptions.Seconds("--timeout", "When a request fails if it has not ended, in seconds; the most that a client may ask for.", 120);
        var noAhead = NoAhead();
        var common = new CommonOptions();
        var command = new Command("router", "OpenAI-compatible completions in front of prefill and decode engines, with a live page. Engines join by themselves: engine --router URL.")
        {
            listen, hosts, queue, timeout, deadAfter, noAhead, common.Model, common.Verbose, ServerLife.EndWithStdin,
        };
        command.SetAction(async (parse, cancellation) =>
        {
            try
            {
                InlineSockets.InProcess();
                var options = new RouterOptions
                {
                    Listen = ListenAddress.Parse(parse.GetValue(listen)!), Hosts = parse.GetValue(hosts) ?? [], Model = ServedModel.Load(common.ModelOf(parse)), Queue = parse.GetValue(queue),
                    Timeout = TimeSpan.FromSeconds(parse.GetValue(timeout)), DeadAfter = TimeSpan.FromSeconds(parse.GetValue(deadAfter)),
                    SendsAhead = !parse.GetValue(noAhead), Verbose = parse.GetValue(common.Verbose),
                };
                await using var router = await RouterServer.StartAsync(options, cancellation);
                Console.WriteLine($"router {router.Url.GetLeftPart(UriPartial.Authority)}");
                await ServerLife.UntilEndAsync(parse.GetValue(ServerLife.EndWithStdin), cancellation);
                return 0;
            }
            catch (Exception e) when (e is IOException or ModelFormatException)
            {
                await Console.Error.WriteLineAsync($"error: router: {e.Message}");
                return 2;
            }
        });
        return command;
    }

    internal static Option<bool> NoAhead() =>
        new("--no-ahead") { Description = "Prompts go to prefill engines by way of decode engines only, not also at the same time as to those." };
}

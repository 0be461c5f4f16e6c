using System.Globalization;
using System.Security.Cryptography;

namespace Nixl.Sdk.Bench.Processes;

/// <summary>
/// The other process. Says "metadata BASE64 ADDRESS PAGE" and then answers each line of stdin with one line:
/// <code>
/// connect BASE64     connects back                                                     → connected
/// poison BYTE        fills the memory with one byte                                    → poisoned
/// hash               SHA-256 of the memory                                             → hash HEX
/// poll COUNT, await COUNT   answers so many notifications with one each, in that way   → echoing, then echoed
/// cpu                processor time of this process                                    → cpu SECONDS
/// </code>
/// Between these it reads and drops notifications. The end of its input ends it.
/// </summary>
internal static class PeerProgram
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var (name, transport, bytes, origin) =
            (arguments[0], Enum.Parse<NixlTransports>(arguments[1]), long.Parse(arguments[2], CultureInfo.InvariantCulture), Enum.Parse<MemoryOrigin>(arguments[3]));
        await using var side = await Side.CreateAsync(name, transport, bytes, origin);
        Say($"metadata {Convert.ToBase64String(side.Agent.ExportMetadata())} {side.Address} {side.PageSize}");
        var drain = new Drain(side.Agent);
        RemoteAgent? caller = null;
        // On a thread of its own: the end of the input ends this process whatever it is doing.
        while (await Task.Run(Console.ReadLine) is { } line)
        {
            var words = line.Split(' ');
            switch (words[0])
            {
                case "connect":
                    caller = await side.Agent.ConnectAsync(Convert.FromBase64String(words[1]));
                    Say("connected");
                    break;
                case "poison":
                    side.Memory.Fill(byte.Parse(words[1], CultureInfo.InvariantCulture));
                    Say("poisoned");
                    break;
                case "hash":
                    Say($"hash {Convert.ToHexString(SHA256.HashData(side.Memory))}");
                    break;
                case "poll" or "await":
                    await drain.DisposeAsync();
                    Say("echoing");
                    var echo = new PingPong(side.Agent, caller!);
                    var count = int.Parse(words[1], CultureInfo.InvariantCulture);
                    if (words[0] == "poll")
                        echo.AnswerPolling(count);
                    else
                        await echo.AnswerAwaitingAsync(count);
                    Say("echoed");
                    drain = new Drain(side.Agent);
                    break;
                case "cpu":
                    Say($"cpu {Environment.CpuUsage.TotalTime.TotalSeconds.ToString(CultureInfo.InvariantCulture)}");
                    break;
                default:
                    return 65;
            }
        }

        await drain.DisposeAsync();
        return 0;
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}

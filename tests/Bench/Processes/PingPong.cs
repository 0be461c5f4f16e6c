using System.Diagnostics;

namespace Nixl.Sdk.Bench.Processes;

/// <summary>Notifications there and back, by polling or by awaiting on both sides. Each carries its number, which is checked.</summary>
internal sealed class PingPong(NixlAgent agent, RemoteAgent peer)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly byte[] _own = new byte[56];
    private readonly byte[] _received = new byte[64];

    /// <summary>Round trips that take a part of a second, at so many seconds each.</summary>
    public static int TripsFor(bool quick, double seconds) => (int)Math.Clamp((quick ? 0.1 : 0.3) / seconds, 100, 10_000);

    /// <summary>Seconds per round trip.</summary>
    public double AskPolling(int count)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            var sent = Send(i);
            Poll(i);
            Finish(sent);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds / count;
    }

    public void AnswerPolling(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Poll(i);
            Finish(Send(i));
        }
    }

    /// <summary>Seconds per round trip.</summary>
    public async Task<double> AskAwaitingAsync(int count)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            var sent = Send(i);
            await AwaitAsync(i);
            await sent;
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds / count;
    }

    public async Task AnswerAwaitingAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            await AwaitAsync(i);
            await Send(i);
        }
    }

    private ValueTask Send(int number)
    {
        BitConverter.TryWriteBytes(_own, number);
        return agent.NotifyAsync(peer, _own);
    }

    private void Poll(int number)
    {
        var start = Stopwatch.GetTimestamp();
        for (var tries = 1; !TryRead(number); tries++)
        {
            if (tries % 4096 == 0 && Stopwatch.GetElapsedTime(start) > Patience)
                throw new TimeoutException($"Notification {number} did not come.");
        }
    }

    private async ValueTask AwaitAsync(int number)
    {
        while (!TryRead(number))
            await agent.WaitForNotificationAsync();
    }

    private bool TryRead(int number)
    {
        if (!agent.TryReadNotification(_received, out var info))
            return false;
        if (info.PayloadLength != _own.Length || BitConverter.ToInt32(_received) != number)
            throw new InvalidDataException($"Notification {number} was to come; {BitConverter.ToInt32(_received)} came, of {info.PayloadLength} bytes.");
        return true;
    }

    // A polling program does not wait for its send's outcome in another way than by polling.
    private static void Finish(ValueTask sent)
    {
        while (!sent.IsCompleted)
            Thread.SpinWait(1);
        sent.GetAwaiter().GetResult();
    }
}

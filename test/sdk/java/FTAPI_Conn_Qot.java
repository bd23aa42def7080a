import com.futu.openapi.ProtoHeader;
import com.futu.openapi.ReqReplyType;
import com.futu.openapi.pb.QotGetShortInterest;
import com.google.protobuf.InvalidProtocolBufferException;

/**
 * The SDK's connection with the documented method, which version 9.6.5608 lacks. It hides the SDK's class of this name.
 * Frames, serial numbers, logins, KeepAlive and time limits remain the SDK's.
 */
public class FTAPI_Conn_Qot extends com.futu.openapi.FTAPI_Conn_Qot {
    private static final int GET_SHORT_INTEREST = 3249;
    private static final int RET_TYPE_INVALID = -500;

    // Set before the connection starts its thread.
    private FTSPI_Qot spi;

    public void setQotSpi(FTSPI_Qot spi) {
        super.setQotSpi(spi);
        this.spi = spi;
    }

    /** @return the serial number of the request */
    public int getShortInterest(QotGetShortInterest.Request req) {
        return sendProto(GET_SHORT_INTEREST, req);
    }

    /** The SDK passes on every reply to a known serial number, and drops those of unknown protocols itself. */
    @Override
    protected void onReply(ReqReplyType type, ProtoHeader header, byte[] body) {
        if (header.nProtoID != GET_SHORT_INTEREST) {
            super.onReply(type, header, body);
            return;
        }
        spi.onReply_GetShortInterest(this, header.nSerialNo, responseOf(type, body));
    }

    // As the SDK does for its own messages.
    private static QotGetShortInterest.Response responseOf(ReqReplyType type, byte[] body) {
        if (type != ReqReplyType.SvrReply) {
            return QotGetShortInterest.Response.newBuilder().setRetType(type.getCode()).build();
        }
        try {
            return QotGetShortInterest.Response.parseFrom(body);
        } catch (InvalidProtocolBufferException e) {
            return QotGetShortInterest.Response.newBuilder().setRetType(RET_TYPE_INVALID).build();
        }
    }
}

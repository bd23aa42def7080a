import com.futu.openapi.FTAPI_Conn;
import com.futu.openapi.pb.QotGetShortInterest;

/** The SDK's callbacks with the documented one, which version 9.6.5608 lacks. It hides the SDK's interface of this name. */
public interface FTSPI_Qot extends com.futu.openapi.FTSPI_Qot {
    default void onReply_GetShortInterest(FTAPI_Conn client, int nSerialNo, QotGetShortInterest.Response rsp) {
    }
}
